"""Errors that know whether they are temporary and whose fault they are.

Temporary is the default: only a definite answer is final, everything else is tried again. The text of an
error is a sentence that an operator can act on; it never contains a secret, and text from a server is quoted
with `quoted`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Fault(StrEnum):
    """Who has to act so that the error goes away."""

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

    Subclasses set the defaults; an instance may override them where only the server's answer tells.
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
    """The configuration cannot be used; it lists every problem found, one per line."""

    temporary = False
    fault = Fault.OPERATOR
    exit_code: ClassVar[int] = 78

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


QUOTED_LENGTH = 200


def quoted(text: bytes | str, limit: int = QUOTED_LENGTH) -> str:
    """Text from the outside, made safe for a log line or a terminal: printable, one line.

    At most `limit` characters of it; where there was more, `…` follows.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    cut = text[:limit]
    if cut.isprintable():
        return cut + "…" if len(text) > limit else cut
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
    return safe[:limit] + "…" if len(text) > limit or len(safe) > limit else safe
