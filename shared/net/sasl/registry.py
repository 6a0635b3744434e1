"""The SASL mechanisms by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

from shared.model.errors import quoted
from shared.net.sasl.mechanism import Mechanism, Peer, SaslError
from shared.net.sasl.oauth import OAuthBearer, XOAuth2
from shared.net.sasl.passwords import CramMd5, Login, Plain

Factory: TypeAlias = Callable[[str, str, Peer], Mechanism]


def mechanism(name: str, username: str, secret: str, peer: Peer = Peer()) -> Mechanism:
    """Return a new exchange of the mechanism `name` (in any case); `secret` is a password or a token.

    Raises `SaslError` for an unknown name, and `UnfitCredentials` for what the mechanism cannot carry.
    """
    factory = MECHANISMS.get(name.upper())
    if factory is None:
        raise SaslError(
            f"The SASL mechanism {quoted(name)} is not known; known are {', '.join(sorted(MECHANISMS))}."
        )
    return factory(username, secret, peer)


def _scram(name: str, username: str, password: str, peer: Peer) -> Mechanism:
    from shared.net.sasl.scram import Scram  # noqa: PLC0415 - takes 0.1 s, and not everybody needs it

    return Scram(name, username, password, peer)


def _ntlm(username: str, password: str, _: Peer) -> Mechanism:
    from shared.net.sasl.ntlm import Ntlm  # noqa: PLC0415 - takes 0.2 s, and hardly anybody needs it

    return Ntlm(username, password)


MECHANISMS: Mapping[str, Factory] = MappingProxyType(
    {
        "SCRAM-SHA-256-PLUS": partial(_scram, "SCRAM-SHA-256-PLUS"),
        "SCRAM-SHA-1-PLUS": partial(_scram, "SCRAM-SHA-1-PLUS"),
        "SCRAM-SHA-256": partial(_scram, "SCRAM-SHA-256"),
        "SCRAM-SHA-1": partial(_scram, "SCRAM-SHA-1"),
        "OAUTHBEARER": OAuthBearer,
        "XOAUTH2": lambda username, token, _: XOAuth2(username, token),
        "CRAM-MD5": lambda username, password, _: CramMd5(username, password),
        "NTLM": _ntlm,
        "PLAIN": lambda username, password, _: Plain(username, password),
        "LOGIN": lambda username, password, _: Login(username, password),
    }
)
