"""List a folder: which UIDs there are, and their sizes.

The absence of a mail proves something only if the list is complete: the server showed as many different UIDs
as it counts mails, and none left meanwhile. Servers exist that leave mails out at random.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable

from shared.imap.conversation import Conversation
from shared.imap.events import Event, Exists, Fetched, Gone, Reply, Selected
from shared.imap.folder_choice import Folder
from shared.imap.folder_listing import FolderListing
from shared.imap.folder_state import FolderState, ask_states, selected_state
from shared.imap.limits import Limits
from shared.imap.mail_commands import EMAILID, FLAGS, GMAIL_ID, SIZE, fetch_items
from shared.imap.message_limit import MESSAGE_LIMIT, may_hide_mails, message_limit, unprocessed
from shared.imap.refusals import is_partial, refused_command, says_gone
from shared.imap.uid_set import LARGEST_UID, UidSet
from shared.model.errors import quoted

AT_ONCE = 500
"""Mails that one command asks for: some 20 KiB."""
PER_SPAN = 5_000
"""Mails of one span in a larger folder, if its UIDs lie evenly: some 250 KiB of answers, as much as a socket
holds while the one before is read."""
AHEAD = 2
LONGEST_OBJECT_ID = 255
"""Octets (RFC 8474, section 4). What is longer is no id."""


async def list_folder(
    conversation: Conversation,
    folder: Folder,
    selected: Selected,
    limits: Limits,
    skip: Collection[str] = (),
    *,
    newest: bool = False,
) -> FolderListing:
    """List the selected folder; of mails with one of the flags `skip` that is told.

    Of more mails than `limits` allow the oldest are listed, or the `newest`. Raises `SourceError` where the
    server refuses.
    """
    listed = new_listing(conversation, folder, selected, skip)
    state = selected_state(selected)
    if selected.uidnext is None and listed.has_lasting_uids and selected.exists is not None:
        state = (await ask_states(conversation, [folder])).get(folder.name)
    if selected.exists != 0:
        per_span = min(PER_SPAN, message_limit(conversation) or PER_SPAN)
        ranges = spans(selected, limits.entries, per_span)
        await gather(conversation, listed, ranges[::-1] if newest else ranges, limits.entries)
    _conclude(listed, conversation.server, limits.entries, newest=newest)
    listed.state = _proven(state, listed)
    return listed


async def list_later(
    conversation: Conversation,
    folder: Folder,
    selected: Selected,
    since: FolderState,
    limits: Limits,
    skip: Collection[str] = (),
) -> FolderListing | None:
    """List the mails of the selected folder that came after `since`.

    None where some of the earlier ones are gone, or may be.
    """
    state = selected_state(selected)
    if state is None or state.uidvalidity != since.uidvalidity or state.uidnext < since.uidnext:
        return None
    listed = new_listing(conversation, folder, selected, skip, since)
    if state != since:
        # Where no mail is as late as that, a server sends the last one (RFC 9051, section 9: seq-range).
        await gather(conversation, listed, [UidSet.span(since.uidnext)], limits.entries)
        listed.sizes = {uid: size for uid, size in listed.sizes.items() if uid >= since.uidnext}
    _conclude(listed, conversation.server, limits.entries)
    listed.state = _proven(state, listed)
    return listed if listed.state is not None else None


def new_listing(
    conversation: Conversation,
    folder: Folder,
    selected: Selected,
    skip: Collection[str],
    since: FolderState | None = None,
) -> FolderListing:
    """Return the empty listing of the selected folder."""
    flags = frozenset(f"\\{each}" for each in skip)
    shown = message_limit(conversation) if may_hide_mails(conversation) else None
    return FolderListing(folder.name, selected, selected.exists, since=since, skip=flags, shown=shown)


def _proven(state: FolderState | None, folder: FolderListing) -> FolderState | None:
    """Return the state if it agrees with what was listed: else the server counts or numbers wrongly."""
    if state is None or not folder.is_complete or not folder.has_lasting_uids:
        return None
    early = [uid for uid in folder.sizes if uid < state.uidnext]
    before = folder.since.messages if folder.since is not None else 0
    return state if len(early) + before == state.messages else None


def object_id_items(conversation: Conversation) -> tuple[str, ...]:
    """Return the item by which the server names a mail in whichever folder it is; () where it has none."""
    if conversation.can("OBJECTID"):
        return (EMAILID,)
    return (GMAIL_ID,) if conversation.can("X-GM-EXT-1") else ()


def spans(selected: Selected, most: int, per_span: int = PER_SPAN) -> list[UidSet]:
    """Return the ranges of UIDs to ask for one after the other; the last one has no end."""
    last = min(selected.uidnext or 0, LARGEST_UID)
    count = -(-min(selected.exists or 0, most) // per_span)
    if (selected.exists or 0) <= min(AT_ONCE, per_span) or last <= count:
        return [UidSet.span(1)]
    width = -(-last // count)
    firsts = range(1, last, width)
    return [
        *(UidSet.span(first, first + width - 1) for first in firsts[:-1]),
        UidSet.span(firsts[-1]),
    ]


async def gather(
    conversation: Conversation, folder: FolderListing, ranges: Iterable[UidSet], most: int
) -> None:
    """Add what the server shows of these ranges to the listing; up to some more than `most` mails.

    Raises `SourceError` where the server refuses.
    """
    items = (SIZE, *((FLAGS,) if folder.skip else ()), *object_id_items(conversation))
    waiting = deque(fetch_items(each, items) for each in ranges)
    open_commands, limited = 0, message_limit(conversation) is not None
    while waiting or open_commands:
        while waiting and open_commands < AHEAD:
            await conversation.send_commands([waiting.popleft()])
            open_commands += 1
        for event in await conversation.read_events():
            if isinstance(event, Reply):
                open_commands -= 1
                rest = unprocessed(event, folder.sizes) if limited else None
                if rest is not None:
                    if rest:
                        waiting.appendleft(fetch_items(rest, items))
                    continue
            _take(event, folder, conversation.server)
        if len(folder.sizes) > most:
            waiting.clear()


def _take(event: Event, folder: FolderListing, server: str) -> None:
    match event:
        case Fetched(uid=uid, size=size, flags=flags, object_id=object_id):
            if flags is not None:
                _note_flags(folder, uid, flags)
            if flags is not None and size is None and not object_id and uid:
                return  # nobody asked: somebody changes the flags in this moment
            if not uid or (uid in folder.sizes and size is not None):
                folder.malformed += 1
                return
            folder.sizes[uid] = size or folder.sizes.get(uid, 0)
            if object_id and len(object_id) <= LONGEST_OBJECT_ID:
                folder.object_ids[uid] = object_id
        case Exists(count):
            folder.exists, folder.changed = count, True
        case Gone():
            folder.changed, folder.some_left = True, True
        case Reply() if not event.ok and event.code != MESSAGE_LIMIT:
            raise refused_command(f"Listing {quoted(folder.name)} on {server}", event)
        case Reply() if says_gone(event):
            folder.changed, folder.some_left = True, True
        case Reply() if is_partial(event):
            folder.is_partial = True


def _note_flags(folder: FolderListing, uid: int, flags: Collection[str]) -> None:
    if folder.skip.isdisjoint(flags):
        folder.flagged.discard(uid)
    else:
        folder.flagged.add(uid)


def _conclude(folder: FolderListing, server: str, most: int, *, newest: bool = False) -> None:
    count, name = len(folder.sizes), quoted(folder.name)
    if folder.malformed:
        folder.problems.append(
            f"{server} listed {folder.malformed} mails of {name} with no UID that is possible, or twice."
        )
    if count > most:
        rest = "only the newest are looked at" if newest else "the rest waits for later sessions"
        folder.problems.append(f"{name} has more than {most} mails; {rest}.")
        kept = sorted(folder.sizes.items())
        folder.sizes = dict(kept[-most:] if newest else kept[:most])
    elif folder.is_partial and not folder.some_left:
        folder.problems.append(f"{server} showed a part of {name} only: {count} mails.")
    elif folder.is_cut:
        folder.problems.append(
            f"{server} shows at most {folder.shown} mails of a folder. {name} may have more; they are "
            "fetched when others have left it."
        )
    elif folder.expected != count and not folder.changed and not folder.malformed:
        said = "does not say how many mails there are" if folder.exists is None else f"counts {folder.exists}"
        folder.problems.append(f"{server} {said} in {name}, but lists {count}.")
    folder.is_complete = (
        count == folder.expected
        and count <= most
        and not (folder.malformed or folder.some_left or folder.is_partial or folder.is_cut)
    )
