"""IMAP's login commands: LOGIN and AUTHENTICATE (RFC 9051, section 6.2)."""

from __future__ import annotations

from collections.abc import Mapping

from typing_extensions import override

from shared.imap import commands
from shared.imap.capabilities import Capabilities
from shared.imap.commands import Command
from shared.imap.conversation import Conversation
from shared.imap.events import Reply
from shared.imap.refusals import REFUSALS
from shared.model.masking import Masker
from shared.net.login.channel import Answer, Challenge, LoginChannel, OwnCommand
from shared.net.login.credentials import Credentials
from shared.net.login.refusal import Refusals

USER = "USER"
"""The method's name in the configuration: user name and password as they are, here by LOGIN."""


class ImapLoginChannel(LoginChannel):
    """`capabilities` are those of the connection as it is now; None where the server does not say."""

    def __init__(self, conversation: Conversation, capabilities: Capabilities | None) -> None:
        self._conversation = conversation
        self._capabilities = capabilities

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
        """LOGIN needs no announcement: every server has it that does not say LOGINDISABLED."""
        if self._capabilities is None:
            return None
        return (*self._capabilities.mechanisms, *self.own_commands)

    @property
    @override
    def own_commands(self) -> Mapping[str, OwnCommand]:
        disabled = self._capabilities is not None and "LOGINDISABLED" in self._capabilities
        return {} if disabled else {USER: self._login}

    @property
    @override
    def refusals(self) -> Refusals:
        return REFUSALS

    @override
    def takes_initial(self, mechanism: str, initial: bytes) -> bool:
        """Only with SASL-IR (RFC 4959), which is part of IMAP4rev2."""
        has_room = self._capabilities is not None and (
            "SASL-IR" in self._capabilities or "IMAP4REV2" in self._capabilities
        )
        return has_room and commands.fits_initial_response(initial)

    @override
    async def authenticate(self, mechanism: str, initial: bytes | None) -> Challenge | Answer:
        return await self._turn(commands.authenticate(mechanism, initial))

    @override
    async def respond(self, data: bytes) -> Challenge | Answer:
        return await self._turn(commands.response(data))

    @override
    async def cancel(self) -> None:
        await self._conversation.exchange(commands.CANCEL)

    async def _login(self, credentials: Credentials) -> Answer:
        turn = await self._turn(commands.login(credentials.username, credentials.password))
        assert isinstance(turn, Answer), "only AUTHENTICATE is answered by a challenge"
        return turn

    async def _turn(self, command: Command) -> Challenge | Answer:
        said = await self._conversation.exchange(command)
        if isinstance(said, Reply):
            return Answer(said.ok, said.code, said.text)
        return Challenge(said.data)
