"""Copies that stay at the source and have no UID: known by size and header, so that they are not read at each
visit only to be recognised.

It is what rule 4 goes by. What has no header or no size stands for nothing and is read as ever; so is a copy
whose days are over, as it is to be deleted.
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
    """The listing, in which such copies have the UID under which the ledger has them; each row stands for one
    mail.

    Headers are asked for only where a copy may be there: raises what the mailbox raises.
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
    """The mails without a UID that are settled and stay, by size and header."""
    kept: dict[tuple[int, str], list[LedgerRow]] = defaultdict(list)
    for row in rows:
        if row.status is not MessageStatus.SETTLED or not is_by_content(row.key):
            continue
        if row.header and row.listed_size and not retention.is_over(row.first_fetched_at, now):
            kept[row.listed_size, row.header].append(row)
    return kept
