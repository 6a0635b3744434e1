"""Make one listing of the mailbox from those of its folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shared.imap.folder_listing import FolderListing
from shared.model.mailbox import Listed, Listing, Place, UidRange, numeric_uid


class Combined(NamedTuple):
    """The listing of all folders. `session_uids` has the UIDs of mails without a lasting one, by number."""

    listing: Listing
    session_uids: dict[int, int]


def combine(folders: Sequence[FolderListing], numbered: int = 0) -> Combined:
    """Return the listing of these folders. Numbers go on from one folder to the next.

    So many mails were `numbered` before.
    """
    named: list[Listed] = []
    nameless: list[Listed] = []
    session_uids: dict[int, int] = {}
    covered: list[UidRange] = []
    flagged: set[int] = set()
    number = numbered
    for folder in folders:
        uids = sorted(folder.sizes)
        with_numbers = enumerate(uids, start=number + 1)
        if folder.flagged:
            flagged |= {n for n, uid in enumerate(uids, start=number + 1) if uid in folder.flagged}
        number += len(uids)
        if folder.has_lasting_uids:
            place = Place(folder.name, folder.selected.uidvalidity or 0)
            ids = folder.object_ids
            named += [
                Listed(numeric_uid(uid), n, folder.sizes[uid], place=place, object_id=ids.get(uid, ""))
                for n, uid in with_numbers
            ]
        else:
            place = Place(folder.name, 0)
            by_number = dict(with_numbers)
            session_uids |= by_number
            nameless += _without_uids(((n, folder.sizes[uid]) for n, uid in by_number.items()), place)
        if folder.is_complete:
            first = numeric_uid(folder.first_uid) if folder.since is not None else ""
            covered.append(UidRange(place, first))
    problems = tuple(problem for folder in folders for problem in folder.problems)
    only_changes = any(folder.since is not None for folder in folders)
    if nameless and not named:
        return Combined(Listing(nameless, False, problems, covered=covered), session_uids)
    listing = Listing(
        named,
        True,
        problems,
        nameless=nameless,
        covered=covered,
        only_changes=only_changes,
        flagged=flagged,
    )
    return Combined(listing, session_uids)


def _without_uids(mails: Iterable[tuple[int, int]], place: Place) -> list[Listed]:
    sizes: Counter[int] = Counter()
    twins = []
    for number, size in mails:
        sizes[size] += 1
        twins.append(Listed("", number, size, sizes[size], place))
    return twins
