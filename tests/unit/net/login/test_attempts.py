"""Logging in over the port alone, as a protocol that is not POP3 implements it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from typing_extensions import override

from shared.model.endpoint import Endpoint, Tls
from shared.model.masking import Masker
from shared.model.source_errors import CredentialsRefused, LoginMethodsExhausted, MailboxLocked
from shared.net.login.attempts import log_in
from shared.net.login.channel import Answer, Challenge, LoginChannel, OwnCommand
from shared.net.login.credentials import Credentials, masker
from shared.net.login.plan import LoginPlan
from shared.net.login.refusal import Refusals

ENDPOINT = Endpoint("imap.test", 143, Tls.OFF)
OK = Answer(True, "", b"done")
WRONG = Answer(False, "AUTHENTICATIONFAILED", b"no")
REFUSALS = Refusals({"AUTHENTICATIONFAILED": CredentialsRefused, "INUSE": MailboxLocked})


class Channel(LoginChannel):
    """Answers from a script, and keeps what was sent; with `takes_user` there is LOGIN."""

    def __init__(self, *answers: Challenge | Answer, announced: tuple[str, ...], takes_user: bool) -> None:
        self.sent: list[tuple[str, bytes | None]] = []
        self._answers = list(answers)
        self._announced = announced
        self._takes_user = takes_user

    @property
    @override
    def server(self) -> str:
        return "imap.test:143"

    @property
    @override
    def masker(self) -> Masker:
        return masker(Credentials("bob", "secret"))

    @property
    @override
    def certificate(self) -> bytes | None:
        return None

    @property
    @override
    def is_encrypted(self) -> bool:
        return False

    @property
    @override
    def announced(self) -> tuple[str, ...] | None:
        return self._announced

    @property
    @override
    def own_commands(self) -> Mapping[str, OwnCommand]:
        return {"USER": self._login} if self._takes_user else {}

    @property
    @override
    def refusals(self) -> Refusals:
        return REFUSALS

    @override
    def takes_initial(self, mechanism: str, initial: bytes) -> bool:
        return True

    @override
    async def authenticate(self, mechanism: str, initial: bytes | None) -> Challenge | Answer:
        self.sent.append((mechanism, initial))
        return self._answers.pop(0)

    @override
    async def respond(self, data: bytes) -> Challenge | Answer:
        self.sent.append(("", data))
        return self._answers.pop(0)

    @override
    async def cancel(self) -> None:
        self.sent.append(("*", None))

    async def _login(self, credentials: Credentials) -> Answer:
        self.sent.append(("LOGIN", credentials.password.encode()))
        answer = self._answers.pop(0)
        assert isinstance(answer, Answer)
        return answer


async def tried(channel: Channel, *auth: str, plan: LoginPlan | None = None, token: str = "") -> str:
    credentials = Credentials("bob", "" if token else "secret", token)
    return await log_in(channel, ENDPOINT, credentials, plan or LoginPlan(auth))


async def test_a_protocols_own_command_logs_in_where_nothing_better_is_there() -> None:
    channel = Channel(OK, announced=(), takes_user=True)
    assert await tried(channel, "user") == "user"
    assert channel.sent == [("LOGIN", b"secret")]


async def test_a_command_that_is_switched_off_is_not_sent() -> None:
    channel = Channel(announced=("CRAM-MD5",), takes_user=False)
    with pytest.raises(LoginMethodsExhausted):
        await tried(channel, "user")
    assert channel.sent == []


async def test_the_plan_says_which_mechanisms_send_their_first_message_along() -> None:
    message = b"user=bob\x01auth=Bearer abc\x01\x01"
    at_once = Channel(OK, announced=("XOAUTH2",), takes_user=False)
    await tried(at_once, token="abc")
    assert at_once.sent == [("XOAUTH2", message)]
    later = Channel(Challenge(b""), OK, announced=("XOAUTH2",), takes_user=False)
    await tried(later, plan=LoginPlan(no_initial_response=frozenset({"XOAUTH2"})), token="abc")
    assert later.sent == [("XOAUTH2", None), ("", message)]


async def test_a_wrong_password_by_the_protocols_own_code_ends_the_attempts() -> None:
    channel = Channel(WRONG, announced=("PLAIN",), takes_user=True)
    with pytest.raises(CredentialsRefused):
        await tried(channel, "plain", "user")
    assert len(channel.sent) == 1


async def test_a_locked_mailbox_is_never_a_wrong_password() -> None:
    channel = Channel(Answer(False, "INUSE", b"wrong password"), announced=("PLAIN",), takes_user=True)
    with pytest.raises(MailboxLocked):
        await tried(channel, "plain", "user")
