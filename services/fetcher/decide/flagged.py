"""Leave out mails that have a flag of the account's `skip`: somebody marked them as deleted, or still writes
them. They are fetched once the flag is gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from shared.model.mailbox import Listing
from shared.ports.store import LedgerRow


def without_flagged(listing: Listing, rows: Iterable[LedgerRow]) -> Listing:
    """Return the listing without the flagged mails that are not in the ledger; `flagged` are those left out.

    A mail in the ledger stays: the flag may be our own, and the mail would count as gone. So does one without
    a uid, as it may be in the ledger under a provisional name.
    """
    known = {row.key for row in rows}
    left = {
        each.number
        for each in listing.entries
        if each.number in listing.flagged and each.uid and each.key not in known
    }
    if not listing.flagged:
        return listing
    entries = [each for each in listing.entries if each.number not in left]
    return replace(listing, entries=entries, flagged=frozenset(left))
