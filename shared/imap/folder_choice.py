"""Which folders of a mailbox are read: names, patterns, special uses, and what is left out. Pure.

Names have `/` between their levels, whatever the server writes there. In a pattern, `*` stands for anything
and `%` for anything within one level (RFC 9051, section 6.3.9). `\\Junk` is the folder with that special use
(RFC 6154). What begins with `!` is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shared.imap.events import MailboxListed
from shared.model.folders import LEFT_OUT, Removal, RemovalKind
from shared.model.mailbox import INBOX, folder_name

NEVER_BY_PATTERN = frozenset({"\\trash", "\\drafts", "\\sent", "\\all", "\\flagged", "\\important"})
"""Uses of folders whose mails were not received, were thrown away, or are in another folder, too."""
NOT_READABLE = frozenset({"\\noselect", "\\nonexistent"})
MOST_FOLDERS = 1_000
LONGEST_NAME = 800
"""Octets of a name in UTF-8. It is a part of each mail's key, and an index has no room for more."""
LEVEL = "/"
_WILDCARDS = re.compile(r"[*%]")


class Folder(NamedTuple):
    """A folder by its name for people, with `/` between levels, and by its name on the wire."""

    name: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Chosen:
    """The folders to read, in the order of their names, and those that are named but not there.

    `unreadable` are wanted, but their names cannot be in a key: as another folder has the same name with `/`
    between its levels, or as they are too long.
    """

    folders: Sequence[Folder]
    missing: Sequence[str]
    unreadable: Sequence[str] = ()


def needs_list(wanted: Sequence[str]) -> bool:
    """Return whether the server has to list its folders, to know which are wanted and how it writes them."""
    return [folder_name(each) for each in wanted] != [INBOX.folder]


def is_special(text: str) -> bool:
    """Return whether the text is a special use."""
    return text.startswith("\\")


def is_pattern(text: str) -> bool:
    """Return whether the text may stand for several folders."""
    return _WILDCARDS.search(text) is not None


def choose_folders(wanted: Sequence[str], listed: Iterable[MailboxListed]) -> Chosen:
    """Return the folders of `listed` that are wanted."""
    readable: dict[str, MailboxListed] = {}
    doubles: list[tuple[str, str]] = []
    # The order of a LIST may change, and the same folder has to have the name each time.
    for each in sorted(listed, key=lambda each: each.raw):
        if each.attributes & NOT_READABLE:
            continue
        first = readable.setdefault(name_of(each), each)
        if first.raw != each.raw:
            doubles.append((name_of(each), each.name))
    chosen: set[str] = set()
    missing: list[str] = []
    for text in wanted:
        if text.startswith(LEFT_OUT):
            continue
        found = _matching(text, readable)
        chosen |= found
        if not found and not is_pattern(text):
            missing.append(text)
    for text in wanted:
        if text.startswith(LEFT_OUT):
            chosen -= _matching(text[1:], readable, excluding=True)
    too_long = {name for name in chosen if len(name.encode("utf-8", "replace")) > LONGEST_NAME}
    unreadable = sorted(too_long) + [shown for name, shown in doubles if name in chosen]
    return Chosen(
        [Folder(name, readable[name].raw) for name in sorted(chosen - too_long)], missing, unreadable
    )


def may_be_read(wanted: Sequence[str], name: str) -> bool:
    """Return whether a folder of that name may be among the wanted ones, whatever its special use."""
    listed = {name: MailboxListed(b"", name, LEVEL, frozenset())}
    included = (each for each in wanted if not each.startswith(LEFT_OUT))
    excluded = (each[1:] for each in wanted if each.startswith(LEFT_OUT))
    return any(is_special(each) or _matching(each, listed) for each in included) and not any(
        _matching(each, listed, excluding=True) for each in excluded
    )


def name_of(listed: MailboxListed) -> str:
    """Return the name of a listed folder with `/` between its levels.

    NUL is escaped: no database holds it, so that mails of the folder would not be known by their keys.
    """
    name = listed.name
    if listed.delimiter and listed.delimiter != LEVEL:
        name = name.replace(listed.delimiter, LEVEL)
    return folder_name(name).replace("\0", "\\u0000")


def removal_target(removal: Removal, listed: Iterable[MailboxListed]) -> Folder | None:
    """Return the folder that mails are moved to; None where there is none."""
    if removal.kind is RemovalKind.TRASH or is_special(removal.folder):
        chosen = choose_folders([removal.folder or "\\trash"], listed).folders
        return chosen[0] if chosen else None
    wanted = folder_name(removal.folder)
    raws = [each.raw for each in listed if name_of(each) == wanted and not each.attributes & NOT_READABLE]
    return Folder(wanted, min(raws)) if raws else None


def _matching(text: str, folders: dict[str, MailboxListed], *, excluding: bool = False) -> set[str]:
    if is_special(text):
        return {name for name, each in folders.items() if text.lower() in each.attributes}
    if not is_pattern(text):
        return {folder_name(text)} & folders.keys()
    pattern = _compiled(text)
    return {
        name
        for name, each in folders.items()
        if pattern.fullmatch(name) and (excluding or not each.attributes & NEVER_BY_PATTERN)
    }


def _compiled(pattern: str) -> re.Pattern[str]:
    pieces = re.split(r"([*%])", pattern)
    wild = {"*": ".*", "%": f"[^{LEVEL}]*"}
    return re.compile("".join(wild.get(each, re.escape(each)) for each in pieces), re.DOTALL)
