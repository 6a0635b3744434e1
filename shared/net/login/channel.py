"""The port that a protocol implements so that a client can log in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, Protocol, TypeAlias

from shared.model.masking import Masker
from shared.net.login.credentials import Credentials
from shared.net.login.refusal import Refusals


class Answer(NamedTuple):
    """The server's verdict on a login; `code` is its response code in upper case, or ""."""

    ok: bool
    code: str
    text: bytes


class Challenge(NamedTuple):
    """The server's turn in a SASL exchange, decoded."""

    data: bytes


OwnCommand: TypeAlias = Callable[[Credentials], Awaitable[Answer]]
"""Logs in by a command of the protocol's own. Raises `Unsendable` before anything was sent."""


class LoginChannel(Protocol):
    """The login commands of a protocol on one connection."""

    @property
    def server(self) -> str:
        """The server's name for the sentences of errors."""
        ...

    @property
    def masker(self) -> Masker:
        """What takes secrets out of the server's words; it learns what is sent."""
        ...

    @property
    def certificate(self) -> bytes | None:
        """The server's certificate in DER; None without TLS."""
        ...

    @property
    def is_encrypted(self) -> bool:
        """Whether what is sent now is encrypted."""
        ...

    @property
    def announced(self) -> tuple[str, ...] | None:
        """The methods that the server announces, in upper case; None where it does not say."""
        ...

    @property
    def own_commands(self) -> Mapping[str, OwnCommand]:
        """The protocol's own login commands that are possible now, by the method's name in upper case.

        `USER` sends the user name and the password as they are.
        """
        ...

    @property
    def refusals(self) -> Refusals:
        """How the protocol's refusals are understood."""
        ...

    def takes_initial(self, mechanism: str, initial: bytes) -> bool:
        """Return whether the first message fits into the command that names the mechanism."""
        ...

    async def authenticate(self, mechanism: str, initial: bytes | None) -> Challenge | Answer:
        """Begin a SASL exchange."""
        ...

    async def respond(self, data: bytes) -> Challenge | Answer:
        """Answer a challenge."""
        ...

    async def cancel(self) -> None:
        """Break the exchange off."""
        ...
