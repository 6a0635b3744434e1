"""SASL mechanisms, client side (RFC 4422): challenges in, responses out, no input or output.

A protocol that carries SASL (POP3, SMTP, later IMAP) encodes and decodes base64 itself; here everything is
raw bytes. Adding a mechanism means adding a class and its line in `MECHANISMS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from typing_extensions import override

from shared.model.errors import Fault, MailferryError, quoted


class SaslError(MailferryError):
    """The exchange cannot go on: a value that the mechanism cannot carry, or a challenge it does not know."""

    temporary = False
    fault = Fault.OPERATOR


class Mechanism(Protocol):
    """One authentication exchange; an object serves one exchange only."""

    @property
    def name(self) -> str:
        """The name as it is registered, in upper case."""
        ...

    def initial(self) -> bytes | None:
        """The initial response, or None where the server speaks first."""
        ...

    def respond(self, challenge: bytes) -> bytes:
        """The answer to one challenge; raises `SaslError` if it does not belong to the mechanism."""
        ...


class Plain(Mechanism):
    """PLAIN (RFC 4616): everything in the initial response, which also answers the one empty challenge."""

    @property
    @override
    def name(self) -> str:
        return "PLAIN"

    def __init__(self, username: str, password: str) -> None:
        self._message = b"\0" + _prepared(username, "user name") + b"\0" + _prepared(password, "password")

    @override
    def initial(self) -> bytes | None:
        return self._message

    @override
    def respond(self, challenge: bytes) -> bytes:
        """The message again, for a server that ignored or did not allow the initial response."""
        if challenge:
            raise SaslError(f"The server sent an unexpected PLAIN challenge: {quoted(challenge)}.")
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
        self._answers = [_prepared(password, "password"), _prepared(username, "user name")]

    @override
    def initial(self) -> bytes | None:
        return None

    @override
    def respond(self, challenge: bytes) -> bytes:
        if not self._answers:
            raise SaslError(f"The server sent a third LOGIN challenge: {quoted(challenge)}.")
        return self._answers.pop()


MECHANISMS: Mapping[str, Callable[[str, str], Mechanism]] = MappingProxyType({"PLAIN": Plain, "LOGIN": Login})


def mechanism(name: str, username: str, password: str) -> Mechanism:
    """A fresh exchange of the mechanism `name` (any case).

    Raises `SaslError` for a name that is not known here, and for credentials that the mechanism cannot carry.
    """
    factory = MECHANISMS.get(name.upper())
    if factory is None:
        raise SaslError(
            f"The SASL mechanism {quoted(name)} is not known; known are {', '.join(sorted(MECHANISMS))}."
        )
    return factory(username, password)


def _prepared(value: str, what: str) -> bytes:
    """UTF-8, unchanged; NUL is refused because it separates the fields (RFC 4616, section 2)."""
    if "\0" in value:
        raise SaslError(f"The {what} contains a NUL character, which no server can be told.")
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        raise SaslError(f"The {what} contains a character that UTF-8 cannot express.") from None
