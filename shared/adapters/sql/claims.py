"""Claims: who is on the way with a mail to a recipient. They are locked after the messages, in their keys'
order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shared.adapters.sql.bulk import Row
from shared.adapters.sql.rows import MESSAGE_STATUS, RECIPIENT_STATUS
from shared.adapters.sql.tables import claims, messages, recipients
from shared.adapters.sql.unit_of_work import Transaction
from shared.custody.state import Claim, ClaimKey, ClaimView
from shared.ports.store import StoreUnavailable

KEY = ("tenant", "address", "identity")
TRIES = 5


class Claims:
    """The claims of one transaction, as they were and as they will be."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._stored: dict[ClaimKey, Claim] = {}
        self.held: dict[ClaimKey, Claim] = {}

    def existing(self, keys: Iterable[ClaimKey]) -> set[ClaimKey]:
        """Those of these claims that exist now; they are not locked."""
        connection, bulk = self._transaction
        return {ClaimKey(*row[:3]) for row in bulk.select(connection, claims, KEY, sorted(set(keys)))}

    def lock(self, keys: Iterable[ClaimKey]) -> None:
        """Lock and load those of these claims that exist."""
        connection, bulk = self._transaction
        for row in bulk.select(connection, claims, KEY, sorted(set(keys)), lock=True):
            self._stored[ClaimKey(*row[:3])] = Claim(row[3], bool(row[4]))
        self.held.update(self._stored)

    def take(self, wanted: Mapping[ClaimKey, str]) -> None:
        """Lock all of these claims; one that did not exist is now held by the message named.

        Where all of them were inserted there is nothing to lock, as nobody else can touch what is not
        committed; that is so for nearly every batch.
        The claim may be given up between the attempt to insert it and the attempt to lock it: then it is
        tried again.
        """
        connection, bulk = self._transaction
        missing = dict(wanted)
        for _ in range(TRIES):
            new = [(*key, missing[key], False) for key in sorted(missing)]
            if bulk.insert_absent(connection, claims, new) == len(new):
                self._stored.update({key: Claim(holder, done=False) for key, holder in missing.items()})
                self.held.update(self._stored)
                return
            self.lock(missing)
            missing = {key: holder for key, holder in wanted.items() if key not in self._stored}
            if not missing:
                return
        raise StoreUnavailable("other processes keep changing the claims that this one needs")

    def change(self, key: ClaimKey, claim: Claim | None) -> None:
        """`claim` is what `key` will be."""
        if claim is None:
            self.held.pop(key, None)
        else:
            self.held[key] = claim

    def save(self) -> None:
        """Write what was changed."""
        connection, bulk = self._transaction
        changed = [
            (*key, *_row(self.held[key]))
            for key in sorted(self.held)
            if self.held[key] != self._stored.get(key)
        ]
        bulk.put(connection, claims, changed)
        bulk.delete(connection, claims, sorted(self._stored.keys() - self.held.keys()))


def _row(claim: Claim) -> Row:
    return claim.holder, claim.done


def views(transaction: Transaction, held: Mapping[ClaimKey, Claim]) -> dict[ClaimKey, ClaimView]:
    """These claims with what their holders are doing.

    The holders are read after the claims were locked: what a holder has done before it gave its lock back is
    seen.
    """
    if not held:
        return {}
    connection, bulk = transaction
    holders = sorted({(claim.holder,) for claim in held.values()})
    places = sorted({(claim.holder, key.address) for key, claim in held.items()})
    message = {row[0]: row for row in bulk.select(connection, messages, ["id"], holders)}
    recipient = {
        (row[0], row[1]): row for row in bulk.select(connection, recipients, ["message", "address"], places)
    }
    return {
        key: _view(claim, message.get(claim.holder), recipient.get((claim.holder, key.address)))
        for key, claim in held.items()
    }


def _view(claim: Claim, message: Row | None, recipient: Row | None) -> ClaimView:
    return ClaimView(
        claim,
        MESSAGE_STATUS[message[6]] if message else None,
        message[12] if message else None,
        RECIPIENT_STATUS[recipient[5]] if recipient else None,
    )
