"""POP3's login commands: USER and PASS, APOP (RFC 1939, section 7), and AUTH (RFC 5034)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from typing_extensions import override

from shared.model.mailbox import UNKNOWN_CAPABILITIES, Capabilities
from shared.model.masking import Masker
from shared.net.login.channel import Answer, Challenge, LoginChannel, OwnCommand
from shared.net.login.credentials import Credentials
from shared.net.login.refusal import Refusals
from shared.pop3 import commands, events
from shared.pop3.capabilities import mechanisms
from shared.pop3.commands import Command
from shared.pop3.conversation import Conversation
from shared.pop3.replies import REFUSALS

USER = "USER"
APOP = "APOP"
_UTF8 = "UTF8"


def announced_methods(capabilities: Capabilities, listed: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the methods that the server names, in upper case and without APOP; None where it does not say.

    `listed` is the answer to a bare AUTH, None if there was none.
    """
    if capabilities.known:
        return (*mechanisms(capabilities), *((USER,) if USER in capabilities else ()))
    return None if listed is None else (*listed, USER)


class Pop3LoginChannel(LoginChannel):
    """`listed` is the answer to a bare AUTH; `timestamp` that of the greeting, b"" for none."""

    def __init__(
        self,
        conversation: Conversation,
        capabilities: Capabilities = UNKNOWN_CAPABILITIES,
        listed: tuple[str, ...] | None = None,
        timestamp: bytes = b"",
    ) -> None:
        self._conversation = conversation
        self._capabilities = capabilities
        self._announced = announced_methods(capabilities, listed)
        self._timestamp = timestamp

    @property
    @override
    def server(self) -> str:
        return self._conversation.server

    @property
    @override
    def masker(self) -> Masker:
        return self._conversation.masker

    @property
    @override
    def certificate(self) -> bytes | None:
        return self._conversation.wire.certificate

    @property
    @override
    def is_encrypted(self) -> bool:
        return self._conversation.wire.is_tls

    @property
    @override
    def announced(self) -> tuple[str, ...] | None:
        return self._announced

    @property
    @override
    def own_commands(self) -> Mapping[str, OwnCommand]:
        return {USER: self._user_and_pass, **({APOP: self._apop} if self._timestamp else {})}

    @property
    @override
    def refusals(self) -> Refusals:
        return REFUSALS

    @override
    def takes_initial(self, mechanism: str, initial: bytes) -> bool:
        """RFC 5034, section 4, bounds the line."""
        octets = len(f"AUTH {mechanism} \r\n") + len(base64.b64encode(initial))
        return octets <= commands.LONGEST_AUTH_LINE

    @override
    async def authenticate(self, mechanism: str, initial: bytes | None) -> Challenge | Answer:
        return await self._turn(commands.auth(mechanism, initial))

    @override
    async def respond(self, data: bytes) -> Challenge | Answer:
        return await self._turn(commands.response(data))

    @override
    async def cancel(self) -> None:
        await self._conversation.execute(commands.cancel())

    async def _user_and_pass(self, credentials: Credentials) -> Answer:
        name, secret = commands.user(credentials.username), commands.password(credentials.password)
        await self._announce_utf8(credentials)
        answer = await self._answer(name)
        return await self._answer(secret) if answer.ok else answer

    async def _apop(self, credentials: Credentials) -> Answer:
        """MD5 over timestamp and password: weak, as the standard has it."""
        secret = commands.password(credentials.password).wire[len(b"PASS ") : -len(b"\r\n")]
        digest = hashlib.md5(self._timestamp + secret, usedforsecurity=False).hexdigest()
        command = commands.apop(credentials.username, digest)
        self.masker.hide(digest.encode("ascii"))
        await self._announce_utf8(credentials)
        return await self._answer(command)

    async def _announce_utf8(self, credentials: Credentials) -> None:
        """Agree on UTF-8 (RFC 6856) where it is needed and offered. Where it is not offered, UTF-8 is sent
        all the same: nothing else is likelier to be understood.
        """
        needed = not (credentials.username + credentials.password).isascii()
        if needed and _UTF8 in self._capabilities:
            await self._conversation.execute(commands.UTF8)

    async def _answer(self, command: Command) -> Answer:
        turn = await self._turn(command)
        assert isinstance(turn, Answer), "only AUTH is answered by a challenge"
        return turn

    async def _turn(self, command: Command) -> Challenge | Answer:
        said = await self._conversation.execute(command)
        if isinstance(said, events.Challenge):
            return Challenge(said.data)
        assert isinstance(said, events.Reply), "no login command has a multi-line answer"
        return Answer(said.ok, said.code, said.text)
