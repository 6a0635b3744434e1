"""Errors that know whether they are temporary and whose fault they are.

Temporary is the default: only a definite answer is final, everything else is tried again. An error's text is
a sentence on which an operator can act. It never contains a secret, and text from a server is passed through
`quoted`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import ClassVar


class Fault(StrEnum):
    """Who must act so that the error goes away."""

    OURS = "ours"
    OPERATOR = "operator"
    SOURCE = "source"
    TARGET = "target"
    MAIL = "mail"
    BROKER = "broker"
    STORE = "store"
    BLOBS = "blobs"


class MailferryError(Exception):
    """The base of all errors that Mailferry raises on purpose.

    Subclasses set the defaults. An instance overrides them where it depends on the server's reply.
    """

    temporary: bool = True
    fault: Fault = Fault.OURS

    def __init__(self, sentence: str, *, temporary: bool | None = None, fault: Fault | None = None) -> None:
        super().__init__(sentence)
        if temporary is not None:
            self.temporary = temporary
        if fault is not None:
            self.fault = fault


class ConfigurationError(MailferryError):
    """The configuration cannot be used. Lists every problem found, one per line."""

    temporary = False
    fault = Fault.OPERATOR
    exit_code: ClassVar[int] = 78

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


QUOTED_LENGTH = 200


def joined(sentences: Iterable[str]) -> str:
    """Return several sentences in one line."""
    *others, last = [*sentences] or [""]
    return "; ".join([*(each.removesuffix(".") for each in others), last])


def quoted(text: bytes | str, limit: int = QUOTED_LENGTH) -> str:
    """Make text from outside safe for a log line or a terminal: printable and on one line.

    At most `limit` characters are kept, and `…` follows where there were more.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    cut = text[:limit]
    if cut.isprintable():
        return cut + "…" if len(text) > limit else cut
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
    return safe[:limit] + "…" if len(text) > limit or len(safe) > limit else safe
