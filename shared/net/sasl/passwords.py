"""PLAIN and LOGIN, which send the password itself, and CRAM-MD5, which sends a digest of it."""

from __future__ import annotations

import hmac

from typing_extensions import override

from shared.net.sasl.mechanism import Mechanism, SaslError, in_utf8


class Plain(Mechanism):
    """PLAIN (RFC 4616): everything is in the initial response, which also answers an empty challenge."""

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
        """Return the message again, for a server that ignored the initial response or does not allow it."""
        if challenge:
            raise SaslError("The server sent a challenge that PLAIN does not have.")
        return self._message


class Login(Mechanism):
    """LOGIN: the first challenge asks for the user name, the second one for the password.

    The text of the challenges is ignored, since servers word it in any way and any language.
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


class CramMd5(Mechanism):
    """CRAM-MD5 (RFC 2195): a keyed digest of the server's challenge; user name and password in UTF-8.

    The password is not sent, but a listener can try passwords against the digest at any speed.
    """

    @property
    @override
    def name(self) -> str:
        return "CRAM-MD5"

    def __init__(self, username: str, password: str) -> None:
        self._username = in_utf8(username, "user name")
        self._password = in_utf8(password, "password")
        self._answered = False

    @override
    def initial(self) -> bytes | None:
        return None

    @override
    def respond(self, challenge: bytes) -> bytes:
        """Return the answer. An empty challenge is refused, as its answer would be valid for ever."""
        if self._answered or not challenge:
            raise SaslError("The server sent an empty or a second challenge to CRAM-MD5.")
        self._answered = True
        digest = hmac.digest(self._password, challenge, "md5")
        return self._username + b" " + digest.hex().encode("ascii")
