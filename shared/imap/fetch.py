"""What FETCH tells of one mail (RFC 9051, section 7.5.2). Items that are not understood are left out."""

from __future__ import annotations

import re
from typing import NamedTuple

from shared.imap.scanner import Streamed, Value, number_of, words_of
from shared.imap.uid_set import LARGEST_UID

_SECTION = re.compile(r"BODY\[([^\]]*)\](?:<([0-9]{1,19})>)?", re.IGNORECASE)


class Attributes(NamedTuple):
    """One mail's items.

    `uid` is None where none was given, 0 where it cannot be one. `items` has the names of all that came, in
    upper case, the part's origin left out. `body` is None for NIL.
    """

    uid: int | None = None
    size: int | None = None
    flags: frozenset[str] | None = None
    internal_date: bytes | None = None
    object_id: str = ""
    section: str | None = None
    origin: int | None = None
    body: bytes | Streamed | None = None
    items: frozenset[str] = frozenset()


def parse_attributes(values: list[Value]) -> Attributes:
    """Read names and values in turn. Raises ValueError where they do not pair."""
    if len(values) % 2:
        raise ValueError("an item of FETCH has no value")
    attributes = Attributes()
    for name, value in zip(values[::2], values[1::2], strict=True):
        if not isinstance(name, str):
            raise ValueError("an item of FETCH has no name")  # noqa: TRY004 -- the server's mistake
        attributes = _with_item(attributes, name.upper(), value)
    return attributes


def uid_of(value: Value) -> int:
    """Return the UID, or 0 for what cannot be one (RFC 9051, section 2.3.1.1)."""
    uid = number_of(value)
    return uid if uid is not None and uid <= LARGEST_UID else 0


def _with_item(attributes: Attributes, name: str, value: Value) -> Attributes:
    section = _SECTION.fullmatch(name)
    if section is not None:
        return _with_body(attributes, section, value)
    attributes = attributes._replace(items=attributes.items | {name})
    match name:
        case "UID":
            uid = uid_of(value)
            return attributes._replace(uid=uid if attributes.uid in {None, uid} else 0)
        case "RFC822.SIZE":
            return attributes._replace(size=number_of(value))
        case "FLAGS":
            return attributes._replace(flags=frozenset(flag.lower() for flag in words_of(value)))
        case "INTERNALDATE":
            return attributes._replace(internal_date=value if isinstance(value, bytes) else None)
        case "EMAILID":
            return attributes._replace(object_id=next(iter(sorted(words_of(value))), ""))
        case "X-GM-MSGID":
            return attributes._replace(object_id=value if isinstance(value, str) else "")
        case _:
            return attributes


def _with_body(attributes: Attributes, section: re.Match[str], value: Value) -> Attributes:
    """A second body in one answer, which is never asked for, is left out."""
    if attributes.section is not None:
        return attributes
    name = section[1].upper()
    return attributes._replace(
        section=name,
        origin=int(section[2]) if section[2] else None,
        body=value if isinstance(value, bytes | Streamed) else None,
        items=attributes.items | {f"BODY[{name}]"},
    )
