"""PLAIN and LOGIN: the password itself goes to the server."""

from __future__ import annotations

from typing_extensions import override

from shared.net.sasl.mechanism import Mechanism, SaslError, in_utf8


class Plain(Mechanism):
    """PLAIN (RFC 4616): everything in the initial response, which also answers the one empty challenge."""

    @property
    @override
    def name(self) -> str:
        return "PLAIN"

    def __init__(self, username: str, password: str) -> None:
        self._message = b"\0" + in_utf8(username, "user name") + b"\0" + in_utf8(password, "password")

    @override
    def initial(self) -> bytes | None:
        return self._message

    @override
    def respond(self, challenge: bytes) -> bytes:
        """The message again, for a server that ignored or did not allow the initial response."""
        if challenge:
            raise SaslError("The server sent a challenge that PLAIN does not have.")
        return self._message


class Login(Mechanism):
    """LOGIN, as servers speak it: the first challenge wants the user name, the second one the password.

    The prompts are not looked at, since servers word them in any way and any language.
    """

    @property
    @override
    def name(self) -> str:
        return "LOGIN"

    def __init__(self, username: str, password: str) -> None:
        self._answers = [in_utf8(password, "password"), in_utf8(username, "user name")]

    @override
    def initial(self) -> bytes | None:
        return None

    @override
    def respond(self, challenge: bytes) -> bytes:
        if not self._answers:
            raise SaslError("The server sent a third challenge to LOGIN, which has two.")
        return self._answers.pop()
