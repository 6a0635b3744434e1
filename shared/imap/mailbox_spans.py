"""List a mailbox in parts where it is one huge folder, so that only one part is held at a time.

Several folders are listed as one, as a mail may be moved from one to another meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from shared.imap.combined import Combined, combine
from shared.imap.conversation import Conversation
from shared.imap.events import Selected
from shared.imap.folder_choice import Folder, needs_list
from shared.imap.folder_list import FolderList
from shared.imap.folder_state import read_states
from shared.imap.limits import Options
from shared.imap.mailbox_listing import MailboxLister
from shared.imap.span_listing import is_huge, list_spans
from shared.model.mailbox import ListingSpan, Place, UidRange, numeric_uid
from shared.model.source_errors import SourceRefused


async def list_mailbox_spans(
    conversation: Conversation, lister: MailboxLister, options: Options, since: str
) -> AsyncIterator[tuple[ListingSpan, Combined | None]]:
    """Yield the listing in parts if there is one huge folder in which copies stay; else all of it, with
    `Combined`. `since` is as for `MailboxLister.list_mailbox`. Raises `SourceError`.
    """
    earlier = read_states(since)
    found = await lister.find_folders_once(with_states=bool(earlier) and needs_list(options.folders))
    if len(found.folders) == 1 and options.reads_only:
        (folder,) = found.folders
        # Mails of a folder that was read earlier may be here now.
        known = earlier.get(folder.name) if earlier.keys() == {folder.name} else None
        selected = None
        if known is None or found.states.get(folder.name) != known:
            selected = await _opened(lister, folder)
        if selected is not None:
            lister.use_ready(folder, selected)
            if is_huge(conversation, selected):
                later = await lister.list_later(folder, selected, known) if known is not None else None
                if later is None:
                    async for span in _spans(conversation, lister, options, found, selected):
                        yield span, None
                    return
                lister.use_ready(folder, later)
    combined = await lister.list_mailbox(since)
    yield ListingSpan(combined.listing), combined


async def _opened(lister: MailboxLister, folder: Folder) -> Selected | None:
    """Return the folder as it was selected; None where that is refused, which `list_mailbox` treats."""
    try:
        return await lister.open(folder)
    except SourceRefused:
        return None


async def _spans(
    conversation: Conversation,
    lister: MailboxLister,
    options: Options,
    found: FolderList,
    selected: Selected,
) -> AsyncIterator[ListingSpan]:
    lister.note_listed(found.problems, {})
    (folder,) = found.folders
    place = Place(folder.name, selected.uidvalidity or 0)
    numbered = 0
    async for span in list_spans(conversation, folder, selected, options.limits, options.skip):
        listing = combine([span.listing], numbered).listing
        numbered += len(listing.entries)
        first = numeric_uid(span.first) if span.first > 1 else ""
        uids = UidRange(place, first, None if span.last is None else numeric_uid(span.last))
        listing = replace(listing, covered=(uids,))
        if span.last is None:
            problems = (*found.problems, *span.listing.problems)
            states = {folder.name: span.state} if span.state is not None else {}
            lister.note_listed(problems, states)
            names = found.names if states and not found.problems else None
            listing = replace(listing, problems=problems, folders=names)
        yield ListingSpan(listing, is_whole=False, is_complete=span.state is not None)
