"""The extensions that a server announces in its answer to EHLO (RFC 5321, section 4.1.1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.smtp.reply import Reply


@dataclass(frozen=True, slots=True)
class Extensions:
    """Keywords in upper case with their parameters as the server wrote them, known to the client or not.

    `size_limit` is in octets; None: not announced, or 0, which means "no fixed limit" (RFC 1870, section 4).
    """

    keywords: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pipelining: bool = False
    eight_bit_mime: bool = False
    size: bool = False
    size_limit: int | None = None
    starttls: bool = False
    chunking: bool = False
    smtputf8: bool = False
    dsn: bool = False
    auth: tuple[str, ...] = ()

    @classmethod
    def announced(cls, reply: Reply) -> Extensions:
        """Return the extensions in the answer to EHLO; its first line is the server's name and greeting."""
        keywords = _keywords(reply.lines[1:])
        return cls(
            keywords=keywords,
            pipelining="PIPELINING" in keywords,
            eight_bit_mime="8BITMIME" in keywords,
            size="SIZE" in keywords,
            size_limit=_size_limit(keywords.get("SIZE", ())),
            starttls="STARTTLS" in keywords,
            chunking="CHUNKING" in keywords,
            smtputf8="SMTPUTF8" in keywords,
            dsn="DSN" in keywords,
            auth=tuple(name.upper() for name in keywords.get("AUTH", ())),
        )


def _keywords(lines: tuple[bytes, ...]) -> dict[str, tuple[str, ...]]:
    """Return the parameters by keyword; `AUTH=LOGIN`, as old servers write it, counts as `AUTH LOGIN`."""
    keywords: dict[str, tuple[str, ...]] = {}
    for line in lines:
        keyword, *parameters = line.decode("ascii", "replace").replace("AUTH=", "AUTH ", 1).split() or [""]
        name = keyword.upper()
        keywords[name] = keywords.get(name, ()) + tuple(parameters)
    keywords.pop("", None)
    return keywords


def _size_limit(parameters: tuple[str, ...]) -> int | None:
    """Return the limit in octets; None for anything but at most 20 digits (RFC 1870, section 3)."""
    text = parameters[0] if parameters else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        return None
    return int(text) or None
