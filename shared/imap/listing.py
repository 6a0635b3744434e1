"""List a folder: which UIDs there are, and their sizes.

The absence of a mail proves something only if the list is complete: the server showed as many different UIDs
as it counts mails, and none left meanwhile. Servers exist that leave mails out at random.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from shared.imap.conversation import Conversation
from shared.imap.events import Event, Exists, Fetched, Gone, Reply, Selected
from shared.imap.folders import has_lasting_uids
from shared.imap.limits import Limits
from shared.imap.mail_commands import SIZE, fetch_items
from shared.imap.refusals import is_partial, refused_command
from shared.imap.uid_set import LARGEST_UID, UidSet
from shared.model.errors import quoted
from shared.model.mailbox import Listed, Listing, Place, UidRange, numeric_uid

AT_ONCE = 500
"""Mails that one command asks for: some 20 KiB."""
PER_SPAN = 5_000
"""Mails of one span in a larger folder, if its UIDs lie evenly: some 250 KiB of answers, as much as a socket
holds while the one before is read."""
AHEAD = 2


@dataclass(slots=True)
class FolderListing:
    """What one folder shows. `sizes` by UID, 0 where unknown. `is_complete`: no mail of it is missing."""

    name: str
    selected: Selected
    exists: int | None
    sizes: dict[int, int] = field(default_factory=dict)
    is_complete: bool = False
    problems: list[str] = field(default_factory=list)
    changed: bool = False
    malformed: int = 0
    is_cut: bool = False
    is_partial: bool = False

    @property
    def has_lasting_uids(self) -> bool:
        """Whether its UIDs name mails beyond this session."""
        return has_lasting_uids(self.selected)


async def list_folder(
    conversation: Conversation, name: str, selected: Selected, limits: Limits
) -> FolderListing:
    """List the selected folder. Raises `SourceError` where the server refuses."""
    folder = FolderListing(name, selected, selected.exists)
    if selected.exists != 0:
        await _gather(conversation, folder, limits.entries)
    _conclude(folder, conversation.server, limits.entries)
    return folder


def spans(selected: Selected, most: int) -> list[UidSet]:
    """Return the ranges of UIDs to ask for one after the other; the last one has no end."""
    last = min(selected.uidnext or 0, LARGEST_UID)
    count = -(-min(selected.exists or 0, most) // PER_SPAN)
    if (selected.exists or 0) <= AT_ONCE or last <= count:
        return [UidSet.span(1)]
    width = -(-last // count)
    firsts = range(1, last, width)
    return [
        *(UidSet.span(first, first + width - 1) for first in firsts[:-1]),
        UidSet.span(firsts[-1]),
    ]


async def _gather(conversation: Conversation, folder: FolderListing, most: int) -> None:
    waiting = deque(fetch_items(each, (SIZE,)) for each in spans(folder.selected, most))
    open_commands = 0
    while waiting or open_commands:
        while waiting and open_commands < AHEAD:
            await conversation.send_commands([waiting.popleft()])
            open_commands += 1
        for event in await conversation.read_events():
            if isinstance(event, Reply):
                open_commands -= 1
            _take(event, folder, conversation.server)
        if len(folder.sizes) > most:
            waiting.clear()


def _take(event: Event, folder: FolderListing, server: str) -> None:
    match event:
        case Fetched(uid=uid, size=size):
            if not uid or uid in folder.sizes:
                folder.malformed += 1
            else:
                folder.sizes[uid] = size or 0
        case Exists(count):
            folder.exists, folder.changed = count, True
        case Gone():
            folder.changed, folder.is_cut = True, True
        case Reply() if not event.ok:
            raise refused_command(f"Listing {quoted(folder.name)} on {server}", event)
        case Reply() if is_partial(event):
            folder.is_partial = True


def _conclude(folder: FolderListing, server: str, most: int) -> None:
    count, name = len(folder.sizes), quoted(folder.name)
    if folder.malformed:
        folder.problems.append(
            f"{server} listed {folder.malformed} mails of {name} with no UID that is possible, or twice."
        )
    if count > most:
        folder.problems.append(f"{name} has more than {most} mails; the rest waits for later sessions.")
        folder.sizes = dict(sorted(folder.sizes.items())[:most])
    elif folder.is_partial and not folder.is_cut:
        folder.problems.append(f"{server} showed a part of {name} only: {count} mails.")
    elif folder.exists != count and not folder.changed and not folder.malformed:
        said = "does not say how many mails there are" if folder.exists is None else f"counts {folder.exists}"
        folder.problems.append(f"{server} {said} in {name}, but lists {count}.")
    folder.is_complete = (
        count == folder.exists
        and count <= most
        and not (folder.malformed or folder.is_cut or folder.is_partial)
    )


@dataclass(frozen=True, slots=True)
class Combined:
    """The listing of all folders. `session_uids` has the UIDs of mails without a lasting one, by number."""

    listing: Listing
    session_uids: dict[int, int]


def combine(folders: Sequence[FolderListing]) -> Combined:
    """Return the listing of these folders. Numbers go on from one folder to the next."""
    named: list[Listed] = []
    nameless: list[Listed] = []
    session_uids: dict[int, int] = {}
    covered: list[UidRange] = []
    number = 0
    for folder in folders:
        uids = sorted(folder.sizes)
        numbered = enumerate(uids, start=number + 1)
        number += len(uids)
        if folder.has_lasting_uids:
            place = Place(folder.name, folder.selected.uidvalidity or 0)
            named += [Listed(numeric_uid(uid), n, folder.sizes[uid], place=place) for n, uid in numbered]
        else:
            place = Place(folder.name, 0)
            by_number = dict(numbered)
            session_uids |= by_number
            nameless += _without_uids(((n, folder.sizes[uid]) for n, uid in by_number.items()), place)
        if folder.is_complete:
            covered.append(UidRange(place))
    problems = tuple(problem for folder in folders for problem in folder.problems)
    if nameless and not named:
        return Combined(Listing(nameless, False, problems, covered=covered), session_uids)
    return Combined(Listing(named, True, problems, nameless=nameless, covered=covered), session_uids)


def _without_uids(mails: Iterable[tuple[int, int]], place: Place) -> list[Listed]:
    sizes: Counter[int] = Counter()
    twins = []
    for number, size in mails:
        sizes[size] += 1
        twins.append(Listed("", number, size, sizes[size], place))
    return twins
