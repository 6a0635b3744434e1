"""Copies that stay at the source and have no UID.

They are recognised by size and header, as in custody rule 4, so that they are not read in each visit. A mail
without header or size is read, and so is a copy whose retention is over, as it is to be deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from services.fetcher.decide.content_index import is_by_content
from services.fetcher.decide.fingerprint import header_digest
from services.fetcher.mailboxes.mailbox import Mailbox
from shared.model.mailbox import Listed, Listing
from shared.model.message import MessageStatus
from shared.model.retention import Retention
from shared.ports.store import LedgerRow


async def with_copies_named(
    listing: Listing, rows: Sequence[LedgerRow], mailbox: Mailbox, retention: Retention, now: float
) -> Listing:
    """Return the listing in which such copies have their UID of the ledger; each row stands for one mail.

    Headers are requested only where the size is that of a copy. Raises what the mailbox raises.
    """
    kept = _kept(rows, retention, now) if listing.nameless else {}
    sizes = {size for size, _ in kept}
    asked = [entry for entry in listing.nameless if entry.size in sizes]
    if not asked:
        return listing
    named: dict[int, Listed] = {}
    async for entry, header in mailbox.headers(asked):
        alike = kept.get((entry.size, header_digest(header))) if header and header.strip() else None
        if alike:
            named[entry.number] = entry._replace(uid=alike.pop().key.uid)
    nameless = tuple(entry for entry in listing.nameless if entry.number not in named)
    return replace(listing, entries=(*listing.entries, *named.values()), nameless=nameless)


def _kept(
    rows: Sequence[LedgerRow], retention: Retention, now: float
) -> dict[tuple[int, str], list[LedgerRow]]:
    """Return the mails without a UID that are settled and stay, by size and header."""
    kept: dict[tuple[int, str], list[LedgerRow]] = defaultdict(list)
    for row in rows:
        if row.status is not MessageStatus.SETTLED or not is_by_content(row.key):
            continue
        if row.header and row.listed_size and not retention.is_over(row.first_fetched_at, now):
            kept[row.listed_size, row.header].append(row)
    return kept
