"""What FETCH tells of one mail (RFC 9051, section 7.5.2). Items that are not understood are left out."""

from __future__ import annotations

import re
from typing import NamedTuple

from shared.imap.scanner import Streamed, Value, number_of, words_of
from shared.imap.uid_set import LARGEST_UID

_SECTION = re.compile(r"BODY\[([^\]]*)\](?:<([0-9]{1,19})>)?")


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
    told: dict[str, Value] = {}
    uids: set[int] = set()
    body: _Body | None = None
    for name, value in zip(values[::2], values[1::2], strict=True):
        if not isinstance(name, str):
            raise ValueError("an item of FETCH has no name")  # noqa: TRY004 -- the server's mistake
        item = name.upper()
        if item == "UID":
            uids.add(uid_of(value))
        elif item.startswith("BODY[") and (section := _SECTION.fullmatch(item)) is not None:
            body = body or _read_body(section, value)  # a second one is never asked for
        else:
            told[item] = value
    uid = None if not uids else uids.pop() if len(uids) == 1 else 0
    return _attributes(uid, told, body or _Body())


def uid_of(value: Value) -> int:
    """Return the UID, or 0 for what cannot be one (RFC 9051, section 2.3.1.1)."""
    uid = number_of(value)
    return uid if uid is not None and uid <= LARGEST_UID else 0


class _Body(NamedTuple):
    section: str | None = None
    origin: int | None = None
    data: bytes | Streamed | None = None


def _read_body(section: re.Match[str], value: Value) -> _Body:
    data = value if isinstance(value, bytes | Streamed) else None
    return _Body(section[1], int(section[2]) if section[2] else None, data)


def _attributes(uid: int | None, told: dict[str, Value], body: _Body) -> Attributes:
    date = told.get("INTERNALDATE")
    flags = frozenset(flag.lower() for flag in words_of(told["FLAGS"])) if "FLAGS" in told else None
    items = {*told, "UID"} if uid is not None else set(told)
    if body.section is not None:
        items.add(f"BODY[{body.section}]")
    return Attributes(
        uid,
        number_of(told.get("RFC822.SIZE")),
        flags,
        date if isinstance(date, bytes) else None,
        _object_id(told),
        body.section,
        body.origin,
        body.data,
        frozenset(items),
    )


def _object_id(told: dict[str, Value]) -> str:
    """Return what a server calls the mail wherever it is: EMAILID (RFC 8474), or Gmail's number."""
    if "EMAILID" in told:
        return min(words_of(told["EMAILID"]), default="")
    gmail = told.get("X-GM-MSGID")
    return gmail if isinstance(gmail, str) else ""
