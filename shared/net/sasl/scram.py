"""SCRAM (RFC 5802, RFC 7677): client and server prove to each other that they know the password.

The -PLUS variants also bind the proof to the TLS connection. The password itself is never sent. A server that
proves nothing is refused, and so is one that asks for more than `MOST_ITERATIONS` rounds of hashing. The
library scramp does the cryptography.
"""

from __future__ import annotations

from typing import Protocol, cast

from scramp import ScramClient, ScramException
from typing_extensions import override

from shared.model.errors import quoted
from shared.net.sasl.mechanism import Mechanism, Peer, SaslError, UnfitCredentials, in_utf8

MOST_ITERATIONS = 600_000
"""Rounds of hashing, which take about a third of a second of one core."""
BINDING_TYPE = "tls-server-end-point"
_PLUS = "-PLUS"


class _Client(Protocol):
    """The part of scramp's client that is used here; scramp has no type annotations."""

    iterations: object

    def get_client_first(self) -> str: ...
    def set_server_first(self, message: str) -> None: ...
    def get_client_final(self) -> str: ...
    def set_server_final(self, message: str) -> None: ...


class Scram(Mechanism):
    """An exchange with SCRAM-SHA-1 or SCRAM-SHA-256, with or without -PLUS.

    User name and password are prepared with SASLprep (RFC 4013). Characters that it forbids raise
    `UnfitCredentials`. `nonce` replaces the random one in tests with published examples.
    """

    def __init__(
        self, name: str, username: str, password: str, peer: Peer, *, nonce: str | None = None
    ) -> None:
        self._name = name
        self._complaint = ""
        self._proven = False
        in_utf8(username, "user name")
        in_utf8(password, "password")
        self._client = _client(name, username, password, _binding(name, peer), nonce)
        self._first: bytes | None = self._client.get_client_first().encode()
        self._steps = [self._verify, self._prove]

    @property
    @override
    def name(self) -> str:
        return self._name

    @property
    @override
    def complaint(self) -> str:
        return self._complaint

    @override
    def initial(self) -> bytes | None:
        first, self._first = self._first, None
        return first

    @override
    def respond(self, challenge: bytes) -> bytes:
        if self._first is not None and not challenge:
            return self.initial() or b""
        if not self._steps or self._complaint:
            raise SaslError(f"The server sent one challenge too many to {self._name}.")
        try:
            return self._steps.pop()(challenge.decode("utf-8"))
        except (ScramException, ValueError, LookupError, TypeError) as error:
            raise SaslError(f"What the server sent is no {self._name} message: {_reason(error)}.") from None

    @override
    def finish(self) -> None:
        if not self._proven:
            raise SaslError(
                f"The server agreed to {self._name} without proving that it knows the password itself."
            )

    def _prove(self, server_first: str) -> bytes:
        if self._refused(server_first):
            return b""
        self._client.set_server_first(server_first)
        if int(cast(int, self._client.iterations)) > MOST_ITERATIONS:
            raise ValueError("it wants more rounds of hashing than are allowed")
        return self._client.get_client_final().encode()

    def _verify(self, server_final: str) -> bytes:
        if self._refused(server_final):
            return b""
        self._client.set_server_final(server_final)
        self._proven = True
        return b""

    def _refused(self, message: str) -> bool:
        """Whether the message is an error (RFC 5802, section 7). The refusal itself follows."""
        if message.startswith("e="):
            self._complaint = message[2:].partition(",")[0]
        return bool(self._complaint)


def _binding(name: str, peer: Peer) -> tuple[str, bytes] | None:
    """The channel binding that scramp gets; None for none.

    A mechanism without -PLUS gets it too, if the server offered none with -PLUS. scramp then only sends the
    flag "y": the client could have bound (RFC 5802, section 6). A server that did offer -PLUS sees from the
    flag that an attacker removed it from the list.
    """
    if peer.end_point is None:
        if name.endswith(_PLUS):
            raise UnfitCredentials(f"{name} needs TLS with a certificate that it can be bound to.")
        return None
    return (BINDING_TYPE, peer.end_point) if name.endswith(_PLUS) or not peer.offers_binding else None


def _client(
    name: str, username: str, password: str, binding: tuple[str, bytes] | None, nonce: str | None
) -> _Client:
    try:
        return cast(_Client, ScramClient([name], username, password, channel_binding=binding, c_nonce=nonce))
    except (ScramException, ValueError) as error:
        raise UnfitCredentials(
            f"The user name or the password cannot be used with {name}: {_reason(error)}."
        ) from None


def _reason(error: Exception) -> str:
    """The reason in words. Only those of scramp and of this module contain no secret."""
    if isinstance(error, ScramException):
        return quoted(Exception.__str__(error).rstrip(".").lower())
    if type(error) is ValueError:
        return str(error)
    return "it is malformed"
