"""List a huge folder by ranges of UIDs, so that only one range is held at a time.

The ranges have some `PER_SPAN` mails each, however the UIDs lie: the server is asked for the UID of every so
many-th mail. Where one of these is wrong, a range has more mails or fewer, and nothing else depends on it.

No range proves that a mail is missing: servers exist that leave mails out at random. Only when all of them
together show as many mails as the folder had when it was selected, a mail that none of them shows is gone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from itertools import pairwise
from typing import NamedTuple

from shared.imap.conversation import Conversation, reply_to
from shared.imap.events import Fetched, Selected
from shared.imap.folder_choice import Folder
from shared.imap.folder_listing import FolderListing
from shared.imap.folder_state import FolderState, selected_state
from shared.imap.folders import has_lasting_uids
from shared.imap.limits import Limits
from shared.imap.listing import PER_SPAN, gather, new_listing, spans
from shared.imap.mail_commands import fetch_uids_at
from shared.imap.message_limit import message_limit
from shared.imap.refusals import says_gone
from shared.imap.uid_set import UidSet
from shared.model.errors import quoted

MOST_BY_SPANS = 20_000_000
"""Mails of a folder that is listed so. More are hardly meant by a server that says so."""
NUMBERS_AT_ONCE = 500
"""Sequence numbers of one command: 4,000 octets."""


class FolderSpan(NamedTuple):
    """The mails of the UIDs from `first` to `last`, None in the last span of a folder.

    Of the last one, `problems` are those of the folder, and `state` is its state where all spans agree.
    """

    listing: FolderListing
    first: int
    last: int | None
    state: FolderState | None = None


def is_huge(conversation: Conversation, selected: Selected) -> bool:
    """Return whether the folder is to be listed by ranges: it has more mails than one, and its UIDs last."""
    return (
        has_lasting_uids(selected)
        and bool(selected.uidnext)
        and PER_SPAN < (selected.exists or 0) <= MOST_BY_SPANS
        and message_limit(conversation) is None
        # A server in that mode knows no sequence numbers (RFC 9586).
        and not conversation.has_enabled("UIDONLY")
    )


async def list_spans(
    conversation: Conversation, folder: Folder, selected: Selected, limits: Limits, skip: Collection[str] = ()
) -> AsyncIterator[FolderSpan]:
    """Yield the mails of the selected folder, which `is_huge`. Raises `SourceError` where that is refused.

    Mails that come meanwhile are in the last span, and do not count. One that leaves is gone for sure only
    in the next listing.
    """
    firsts = [1, *(uid + 1 for uid in await _uids_between(conversation, selected))]
    whole = new_listing(conversation, folder, selected, skip)
    count = 0
    for first, following in pairwise([*firsts, 0]):
        last = following - 1 if following else None
        span = new_listing(conversation, folder, selected, skip)
        await gather(conversation, span, [UidSet.span(first, last)], limits.entries)
        span.sizes = {uid: size for uid, size in span.sizes.items() if uid >= first}
        whole.malformed += span.malformed
        whole.some_left = whole.some_left or span.some_left
        whole.is_partial = whole.is_partial or span.is_partial
        count += sum(uid < (selected.uidnext or 0) for uid in span.sizes)
        if last is None:
            _conclude(whole, conversation.server, count)
            span.problems = whole.problems
            yield FolderSpan(span, first, last, selected_state(selected) if whole.is_complete else None)
        else:
            yield FolderSpan(span, first, last)


async def _uids_between(conversation: Conversation, selected: Selected) -> list[int]:
    """Return the UID of every `PER_SPAN`-th mail, in order; some evenly spread ones where that is refused."""
    exists = selected.exists or 0
    uids: set[int] = set()
    numbers = range(PER_SPAN, exists, PER_SPAN)
    for start in range(0, len(numbers), NUMBERS_AT_ONCE):
        command = fetch_uids_at(numbers[start : start + NUMBERS_AT_ONCE])
        events = await conversation.execute_all([command])
        reply = reply_to(command, events)
        if not reply.ok and not says_gone(reply):
            return [each.ranges[0][1] for each in spans(selected, exists, PER_SPAN)[:-1]]
        uids |= {each.uid for each in events if isinstance(each, Fetched) and each.uid}
    return sorted(uids)


def _conclude(folder: FolderListing, server: str, count: int) -> None:
    """Decide whether the spans showed all mails that the folder had when it was selected."""
    name = quoted(folder.name)
    if folder.malformed:
        folder.problems.append(
            f"{server} listed {folder.malformed} mails of {name} with no UID that is possible, or twice."
        )
    elif folder.is_partial and not folder.some_left:
        folder.problems.append(f"{server} showed a part of {name} only: {count} mails.")
    elif count != folder.exists and not folder.some_left:
        folder.problems.append(f"{server} counts {folder.exists} in {name}, but lists {count}.")
    # A mail that was shown and left meanwhile does no harm: only what no span showed counts as missing.
    folder.is_complete = count == folder.exists and not (folder.malformed or folder.is_partial)
