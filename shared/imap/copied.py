"""Which mails were copied to the folder that they are moved to, and are still where they were.

Without MOVE a mail is copied and then deleted. Where the server agrees to the copy and not to the deletion,
each visit would copy the mail again. A mark `\\Deleted` does not tell: the server may have refused it, and
another client may have set it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from shared.imap.uid_set import UidSet
from shared.model.mailbox import Listed, Listing, Place

MOST = 2_000
"""Mails of one folder that are remembered: 24 KiB at most, which each lease of the account carries. Where so
many were copied and not deleted, the server does not delete."""


class CopiedMails:
    """The copied mails of an account, by folder and UIDVALIDITY; `text` is what was `written` earlier."""

    def __init__(self, text: str = "") -> None:
        self._uids = _read(text)
        self._full = {folder for folder, (_, uids) in self._uids.items() if len(uids) >= MOST}

    @property
    def written(self) -> str:
        """The mails as text, of each folder the oldest `MOST`; "" where there are none.

        Without a UIDVALIDITY, UIDs name mails of this session only.
        """
        folders = {
            folder: [uidvalidity, UidSet.of(sorted(uids)[:MOST]).wire.decode("ascii")]
            for folder, (uidvalidity, uids) in sorted(self._uids.items())
            if uids and uidvalidity
        }
        return json.dumps(folders, separators=(",", ":")) if folders else ""

    def is_full(self, folder: str) -> bool:
        """Whether no more may be copied from the folder, as earlier visits copied so many in vain."""
        return folder in self._full

    def of_folder(self, folder: str, uidvalidity: int) -> frozenset[int]:
        """Return the UIDs of the copied mails of a folder."""
        known, uids = self._uids.get(folder, (uidvalidity, set()))
        return frozenset(uids) if known == uidvalidity else frozenset()

    def note_copied(self, folder: str, uidvalidity: int, uids: Iterable[int]) -> None:
        """Note that the server agreed to copy these mails."""
        self._uids[folder] = (uidvalidity, {*self.of_folder(folder, uidvalidity), *uids})

    def note_gone(self, folder: str, uidvalidity: int, uids: Iterable[int]) -> None:
        """Forget mails that are no longer in their folder."""
        left = self.of_folder(folder, uidvalidity) - {*uids}
        if folder in self._uids:
            self._uids[folder] = (uidvalidity, {*left})
        if len(left) < MOST:
            self._full.discard(folder)

    def among(self, entries: Iterable[Listed]) -> set[Listed]:
        """Return those of the mails that are copied ones."""
        if not self._uids:
            return set()
        uids: dict[Place, frozenset[int]] = {}
        found = set()
        for entry in entries:
            if entry.place not in uids:
                uids[entry.place] = self.of_folder(*entry.place)
            if entry.uid and int(entry.uid) in uids[entry.place]:
                found.add(entry)
        return found

    def keep_listed(self, listing: Listing) -> None:
        """Forget the mails that a listing of their whole folder lacks."""
        whole = {
            each.place.folder: each.place.uidvalidity for each in listing.covered if each.is_whole_folder
        }
        there: dict[str, set[int]] = {folder: set() for folder in whole}
        for entry in listing.entries if self._uids else ():
            if entry.place.folder in there and entry.uid:
                there[entry.place.folder].add(int(entry.uid))
        for folder, uidvalidity in whole.items():
            self.note_gone(folder, uidvalidity, self.of_folder(folder, uidvalidity) - there[folder])


def _read(text: str) -> dict[str, tuple[int, set[int]]]:
    """Return what was written; nothing where the text is not ours."""
    try:
        values = json.loads(text or "{}")
        read = {
            str(folder): (int(uidvalidity), UidSet.parse(str(uids).encode("ascii")))
            for folder, (uidvalidity, uids) in values.items()
        }
    except (ValueError, TypeError, AttributeError):
        return {}
    return {folder: (known, {*uids}) for folder, (known, uids) in read.items() if len(uids) <= MOST}
