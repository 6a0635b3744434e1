"""Claims: which message is on its way to a recipient. They are locked after the messages, ordered by key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shared.adapters.sql.rows import CLAIM, CLAIM_KEY, MESSAGE_STATUS, RECIPIENT_STATUS, claim_of, claim_row
from shared.adapters.sql.tables import claims, messages, recipients
from shared.adapters.sql.unit_of_work import Transaction, UnitOfWork
from shared.custody import decide
from shared.custody.state import Claim, ClaimKey, ClaimView
from shared.ports.store import StoreUnavailable

TRIES = 5
"""Attempts to take claims that other processes insert and give up at the same time."""


class Claims:
    """The claims of one transaction, as they were and as they will be."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._stored: dict[ClaimKey, Claim] = {}
        self.held: dict[ClaimKey, Claim] = {}

    def existing(self, keys: Iterable[ClaimKey]) -> set[ClaimKey]:
        """Return those of these claims that exist now; they are not locked."""
        connection, bulk = self._transaction
        wanted = sorted(set(keys))
        rows = bulk.select(connection, claims, CLAIM_KEY, wanted, fields=CLAIM_KEY)
        return {*map(ClaimKey._make, rows)}

    def lock(self, keys: Iterable[ClaimKey]) -> None:
        """Lock and load those of these claims that exist."""
        connection, bulk = self._transaction
        wanted = sorted(set(keys))
        rows = bulk.select(connection, claims, CLAIM_KEY, wanted, fields=CLAIM, lock=True)
        self._stored.update(map(claim_of, rows))
        self.held.update(self._stored)

    def take(self, wanted: Mapping[ClaimKey, str]) -> None:
        """Lock all of these claims; one that did not exist is held by the message named from now on.

        Where all of them were inserted, as in nearly every batch, there is nothing to lock: no other process
        can change what is not committed. A claim may be given up between the attempt to insert it and the
        attempt to lock it; then both are tried again.
        """
        connection, bulk = self._transaction
        missing = dict(wanted)
        for _ in range(TRIES):
            taken = {key: Claim(missing[key], done=False) for key in sorted(missing)}
            new = [claim_row(key, claim) for key, claim in taken.items()]
            if bulk.insert_absent(connection, claims, CLAIM, new) == len(new):
                self._stored.update(taken)
                self.held.update(self._stored)
                return
            self.lock(missing)
            missing = {key: holder for key, holder in wanted.items() if key not in self._stored}
            if not missing:
                return
        raise StoreUnavailable("other processes keep changing the claims that this one needs")

    def change(self, key: ClaimKey, claim: Claim | None) -> None:
        """Set what is to be saved for `key`; None to give the claim up."""
        if claim is None:
            self.held.pop(key, None)
        else:
            self.held[key] = claim

    def save(self) -> None:
        """Write what was changed."""
        connection, bulk = self._transaction
        changed = [
            claim_row(key, self.held[key])
            for key in sorted(self.held)
            if self.held[key] != self._stored.get(key)
        ]
        bulk.put(connection, claims, CLAIM, changed)
        bulk.delete(connection, claims, sorted(self._stored.keys() - self.held.keys()))


def views(transaction: Transaction, held: Mapping[ClaimKey, Claim]) -> dict[ClaimKey, ClaimView]:
    """Return these claims with what their holders are doing.

    The holders are read after the claims were locked, so what a holder did before it gave its lock back is
    seen.
    """
    if not held:
        return {}
    connection, bulk = transaction
    holders = sorted({(claim.holder,) for claim in held.values()})
    places = sorted({(claim.holder, key.address) for key, claim in held.items()})
    of_message = {
        message: (MESSAGE_STATUS[status], lease_until)
        for message, status, lease_until in bulk.select(
            connection, messages, ["id"], holders, fields=("id", "status", "lease_until")
        )
    }
    of_recipient = {
        (message, address): RECIPIENT_STATUS[status]
        for message, address, status in bulk.select(
            connection, recipients, ["message", "address"], places, fields=("message", "address", "status")
        )
    }
    found = {}
    for key, claim in held.items():
        status, lease_until = of_message.get(claim.holder, (None, None))
        found[key] = ClaimView(claim, status, lease_until, of_recipient.get((claim.holder, key.address)))
    return found


def give_up_holder(work: UnitOfWork, taken: ClaimView | None, by: str, now: float) -> None:
    """Give up the mail whose claim the identical mail `by` has taken over.

    A late event of that mail then serves no recipient a second time. If it was being delivered when last
    heard of, it may have arrived; that is counted as a doubt.
    """
    if taken is None or taken.claim.holder == by or not taken.was_on_its_way:
        return
    work.load([taken.claim.holder])
    holder = work.messages.get(taken.claim.holder)
    if holder is None or not (taken.was_attempting or decide.can_come_again(holder)):
        return
    for entry in decide.mark_lost(holder, f"the identical mail {by} took over", now):
        work.apply(entry)
