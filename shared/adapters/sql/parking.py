"""What an operator does with parked recipients: they are tried again, or given up."""

from __future__ import annotations

from collections.abc import Sequence

from shared.adapters.sql.claims import Claims, give_up_holder, views
from shared.adapters.sql.text import key
from shared.adapters.sql.unit_of_work import DoubtCount, Transaction, UnitOfWork
from shared.custody import decide
from shared.custody.claims import claim_after, claims_touched
from shared.custody.decide.parking import retry_claims
from shared.custody.state import ClaimKey, ClaimView, Message
from shared.model.message import RecipientStatus


def retry_parked(
    transaction: Transaction,
    doubts: DoubtCount,
    message: str,
    addresses: Sequence[str],
    destination: str | None,
    target: str | None,
    now: float,
) -> list[str]:
    """Open parked recipients again, as far as the claims allow it; return the addresses changed.

    The message then holds the claims that nobody held, and those whose holder cannot arrive any more.
    """
    destination = key(destination) if destination else None
    work, claims = UnitOfWork(transaction, doubts), Claims(transaction)
    work.load([key(message)])
    changed = []
    for known in list(work.messages.values()):
        those = _named_or_parked(known, addresses)
        others = _held_by_others(transaction, claims, known, retry_claims(known, those, destination, target))
        for address in those:
            view = others.get(ClaimKey(known.tenant, address, known.identity))
            entry = decide.retry_parked(work.messages[known.id], address, destination, target, now, view)
            if entry is None:
                continue
            changed.append(address)
            after = work.apply(entry)
            for taken, status in claims_touched(after, entry):
                give_up_holder(work, view, known.id, now)
                claims.change(taken, claim_after(claims.held.get(taken), known.id, status))
    with transaction.bulk.together(transaction.connection):
        work.save()
        claims.save()
    return changed


def discard_parked(transaction: Transaction, message: str, addresses: Sequence[str], now: float) -> list[str]:
    """Give up parked recipients; return the addresses changed."""
    work = UnitOfWork(transaction)
    work.load([key(message)])
    changed = []
    for known in list(work.messages.values()):
        for address in _named_or_parked(known, addresses):
            entry = decide.discard_parked(work.messages[known.id], address, now)
            if entry is not None:
                work.apply(entry)
                changed.append(address)
    work.save()
    return changed


def _named_or_parked(known: Message, addresses: Sequence[str]) -> list[str]:
    """The addresses, or all that are parked where none is named."""
    parked = [each.address for each in known.recipients.values() if each.status is RecipientStatus.PARKED]
    return [key(each) for each in addresses] or parked


def _held_by_others(
    transaction: Transaction, claims: Claims, known: Message, wanted: Sequence[ClaimKey]
) -> dict[ClaimKey, ClaimView]:
    """Take and lock these claims; return those that other mails hold, with what these are doing."""
    claims.take(dict.fromkeys(wanted, known.id))
    held = {each: claims.held[each] for each in wanted}
    others = {each: claim for each, claim in held.items() if claim.holder != known.id}
    return views(transaction, others)
