"""CRAM-MD5 (RFC 2195): a keyed digest of the server's challenge.

The password stays here, but who listens can try passwords against the digest as fast as he likes.
"""

from __future__ import annotations

import hmac

from typing_extensions import override

from shared.net.sasl.mechanism import Mechanism, SaslError, in_utf8


class CramMd5(Mechanism):
    """One challenge, one answer; user name and password in UTF-8 as they are."""

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
        """The answer; a challenge without content is refused, since the answer would hold for ever."""
        if self._answered or not challenge:
            raise SaslError("The server sent an empty or a second challenge to CRAM-MD5.")
        self._answered = True
        digest = hmac.digest(self._password, challenge, "md5")
        return self._username + b" " + digest.hex().encode("ascii")
