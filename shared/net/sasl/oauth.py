"""Bearer tokens of OAuth 2: OAUTHBEARER (RFC 7628), and the older XOAUTH2 (Google, Microsoft).

A refusal begins with a JSON challenge, the `complaint`, which has to be answered before the refusal itself
comes.
"""

from __future__ import annotations

import json
import re

from typing_extensions import override

from shared.net.sasl.mechanism import Mechanism, Peer, SaslError, UnfitCredentials, in_utf8

_B64TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1
_SHOWN_MEMBERS = ("error", "error_description", "status", "scope", "schemes")
_CONTROL_A = b"\x01"


class Bearer(Mechanism):
    """One message, and one challenge if the server does not accept it."""

    def __init__(self, message: bytes, acknowledgement: bytes) -> None:
        self._message = message
        self._acknowledgement = acknowledgement
        self._sent = False
        self._complaint = ""

    @property
    @override
    def complaint(self) -> str:
        return self._complaint

    @override
    def initial(self) -> bytes | None:
        self._sent = True
        return self._message

    @override
    def respond(self, challenge: bytes) -> bytes:
        """Answer an empty challenge with the message, and a complaint so that the refusal follows."""
        if not challenge:
            self._sent = True
            return self._message
        if not self._sent or self._complaint:
            raise SaslError(f"The server sent a challenge that {self.name} does not have.")
        self._complaint = in_words(challenge)
        return self._acknowledgement


class OAuthBearer(Bearer):
    """OAUTHBEARER, which names the server that the token is meant for."""

    def __init__(self, username: str, token: str, peer: Peer) -> None:
        fields = [
            _CONTROL_A.join((b"n,a=" + _saslname(username) + b",", b"host=" + in_utf8(peer.host, "host")))
        ]
        fields += [b"port=%d" % peer.port, b"auth=Bearer " + _token(token), b"", b""]
        super().__init__(_CONTROL_A.join(fields), acknowledgement=_CONTROL_A)

    @property
    @override
    def name(self) -> str:
        return "OAUTHBEARER"


class XOAuth2(Bearer):
    """XOAUTH2. Not every server takes the initial response: the protocol's plan decides."""

    def __init__(self, username: str, token: str) -> None:
        user = in_utf8(username, "user name")
        if _CONTROL_A in user:
            raise UnfitCredentials("The user name contains a character that XOAUTH2 uses itself.")
        message = _CONTROL_A.join((b"user=" + user, b"auth=Bearer " + _token(token), b"", b""))
        super().__init__(message, acknowledgement=b"")

    @property
    @override
    def name(self) -> str:
        return "XOAUTH2"


def in_words(challenge: bytes) -> str:
    """Return the JSON of a complaint as text; other text as it is."""
    try:
        said = json.loads(challenge)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return challenge.decode("utf-8", "replace")
    shown = [
        f"{member} {said[member]}" for member in _SHOWN_MEMBERS if isinstance(said.get(member), str | int)
    ]
    return ", ".join(shown) or "no reason given"


def _saslname(username: str) -> bytes:
    """RFC 5801, section 4."""
    name = in_utf8(username, "user name").replace(b"=", b"=3D").replace(b",", b"=2C")
    if _CONTROL_A in name:
        raise UnfitCredentials("The user name contains a character that OAUTHBEARER uses itself.")
    return name


def _token(token: str) -> bytes:
    if not _B64TOKEN.fullmatch(token):
        raise UnfitCredentials("The token is empty or contains a character that no bearer token has.")
    return token.encode("ascii")
