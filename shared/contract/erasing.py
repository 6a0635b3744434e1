"""Finds an address in what the journal tells, and puts a stand-in in its place.

What a mail is known by at its source, and its digests, hold no address of a person and stay, so that the mail
is recognised afterwards. So do names of accounts, which are settings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from shared.contract.journal import Entry

KEPT = frozenset(
    {
        "message",
        "tenant",
        "account",
        "key",
        "fetcher",
        "worker",
        "blob",
        "header",
        "content",
        "identity",
        "object_id",
        "holder",
        "target",
    }
)
"""Fields that are left as they are."""
_IN_LOCAL_PARTS = r"A-Za-z0-9.!#$%&'*+/=?^_`{|}~\-"


def pattern_of(address: str) -> re.Pattern[str]:
    """Return what finds an address in a text, in any case and not within a longer one; also as the sender
    that was rewritten for forwarding (SRS): `SRS0=…=domain=local@…`.
    """
    local, _, domain = address.rpartition("@")
    plain = rf"(?<![{_IN_LOCAL_PARTS}]){re.escape(address)}(?![A-Za-z0-9\-]|\.[A-Za-z0-9])"
    rewritten = rf"SRS[01][^@\s]*={re.escape(domain)}={re.escape(local)}@[A-Za-z0-9.\-]+"
    return re.compile(f"{rewritten}|{plain}", re.IGNORECASE)


def mentions(entry: Entry, pattern: re.Pattern[str]) -> bool:
    """Return whether an entry has the address."""
    return _changed(entry, lambda text: pattern.sub("", text)) is not entry


def without(entry: Entry, pattern: re.Pattern[str], stand_in: str) -> Entry:
    """Return the entry with the stand-in in place of the address; the same one where it has none."""
    found: Entry = _changed(entry, lambda text: pattern.sub(stand_in, text))
    return found


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    """The value with its texts changed; the same object where no text was."""
    if isinstance(value, str):
        after = change(value)
        return value if after == value else after
    if isinstance(value, tuple):
        parts = [_changed(each, change) for each in value]
        return value if all(a is b for a, b in zip(parts, value, strict=True)) else tuple(parts)
    if isinstance(value, BaseModel):
        fields = {name: each for name, each in value.__dict__.items() if name not in KEPT}
        changed = {name: _changed(each, change) for name, each in fields.items()}
        new = {name: each for name, each in changed.items() if each is not fields[name]}
        return value.model_copy(update=new) if new else value
    return value
