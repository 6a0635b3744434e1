"""The entries of a run control file of fetchmail, as they are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Option:
    """An option with its values as they are written. `on` is False behind `no`."""

    name: str
    line: int
    values: tuple[str, ...] = ()
    on: bool = True

    @property
    def value(self) -> str:
        """The last value; "" for a flag."""
        return self.values[-1] if self.values else ""


class LocalName(NamedTuple):
    """A name on our side; `of` is the name at the server that stands for it, None where it is the same."""

    name: str
    of: str | None
    line: int


@dataclass(slots=True)
class User:
    """A mailbox. `remote` is its user name; `wildcard` tells that the local names end with `*`."""

    line: int
    remote: str | None = None
    local: list[LocalName] = field(default_factory=list)
    wildcard: bool = False
    options: dict[str, Option] = field(default_factory=dict)


@dataclass(slots=True)
class Entry:
    """A server with its mailboxes. `unknown` are words that no table has, with what follows them."""

    line: int
    name: str
    polled: bool = True
    options: dict[str, Option] = field(default_factory=dict)
    users: list[User] = field(default_factory=list)
    unknown: list[Option] = field(default_factory=list)


@dataclass(slots=True)
class RunControl:
    """A whole file. `defaults` has no user, or one."""

    options: dict[str, Option] = field(default_factory=dict)
    defaults: Entry | None = None
    entries: list[Entry] = field(default_factory=list)
    unknown: list[Option] = field(default_factory=list)
