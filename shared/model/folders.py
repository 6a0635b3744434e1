"""Which folders of a source are read, and how a mail leaves its folder."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import PlainValidator

from shared.model.errors import quoted
from shared.model.mailbox import INBOX
from shared.model.setting import Settings, only_for, setting

LEFT_OUT = "!"
SPECIAL_USES = ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Important", "\\Junk", "\\Sent", "\\Trash")
"""RFC 6154, section 2, and `\\Important` (RFC 8457)."""
NO_FOLDERS = "POP3 has no folders"
MOVE = "move:"
SKIPPED_FLAGS = ("deleted", "draft")
"""Flags of IMAP, without their backslash (RFC 9051, section 2.3.2)."""


class RemovalKind(StrEnum):
    """How a mail that is done leaves its folder."""

    EXPUNGE = "expunge"
    TRASH = "trash"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Removal:
    """How a mail that is done leaves its folder; `folder` is where to, for `RemovalKind.MOVE`."""

    kind: RemovalKind = RemovalKind.EXPUNGE
    folder: str = ""

    def __str__(self) -> str:
        return f"{MOVE}{self.folder}" if self.kind is RemovalKind.MOVE else self.kind.value


def parse_removal(value: object) -> Removal:
    """Parse the value of the setting. Raises ValueError."""
    if isinstance(value, Removal):
        return value
    match value:
        case "expunge" | "trash":
            return Removal(RemovalKind(value))
        case str() if value.startswith(MOVE) and _is_name(name := value.removeprefix(MOVE)):
            return Removal(RemovalKind.MOVE, name)
    raise ValueError('expected "expunge", "trash" or "move:" and the name of a folder, as "move:Done"')


def parse_folders(value: object) -> tuple[str, ...]:
    """Parse the value of the setting. Raises ValueError."""
    expected = r'expected a list of folders such as ["INBOX", "Lists/*", "\\Junk", "!Lists/old"]'
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError(expected)
    for each in value:
        if not isinstance(each, str) or not _is_name(each.removeprefix(LEFT_OUT)):
            raise ValueError(expected)
        use = each.removeprefix(LEFT_OUT)
        if use.startswith("\\") and use.lower() not in map(str.lower, SPECIAL_USES):
            raise ValueError(f'there is no special use "{quoted(use)}"; there are {", ".join(SPECIAL_USES)}')
    if all(each.startswith(LEFT_OUT) for each in value):
        raise ValueError('every folder is left out by "!"; name those that are read, such as "*"')
    return tuple(value)


def parse_skip(value: object) -> tuple[str, ...]:
    """Parse the value of the setting. Raises ValueError."""
    if not isinstance(value, (list, tuple)) or not all(each in SKIPPED_FLAGS for each in value):
        known = ", ".join(f'"{each}"' for each in SKIPPED_FLAGS)
        raise ValueError(f"expected a list of these: {known}")
    return tuple(each for each in SKIPPED_FLAGS if each in value)


def _is_name(text: str) -> bool:
    return bool(text) and text.isprintable() and not text.startswith("/") and not text.endswith("/")


class FolderSettings(Settings):
    """The folders of an IMAP source."""

    folders: Annotated[tuple[str, ...], PlainValidator(parse_folders)] = setting(
        (INBOX.folder,),
        "The folders that are read: names, patterns with `*` and `%`, special uses. `!` leaves folders out.",
        form="list of folders",
        example=["INBOX", "Lists/*", "\\Junk", "!Lists/old"],
        only=only_for("imap", NO_FOLDERS),
    )
    removal: Annotated[Removal, PlainValidator(parse_removal)] = setting(
        Removal(),
        "How a mail that is done leaves its folder: for good, into the trash, or into another folder.",
        form='"expunge", "trash" or "move:" and a folder',
        example="move:Done",
        only=only_for("imap", NO_FOLDERS),
    )
    skip: Annotated[tuple[str, ...], PlainValidator(parse_skip)] = setting(
        (),
        "Mails with one of these flags are not fetched while they have it: marked as deleted by another "
        "program, or a draft.",
        form='list of `"deleted"` and `"draft"`',
        example=["deleted", "draft"],
        only=only_for("imap", "POP3 has no flags"),
    )
    mark_seen: bool = setting(
        False,
        "Whether copies that stay are marked as read once they are delivered.",
        only=only_for("imap", "POP3 has no such mark"),
    )
