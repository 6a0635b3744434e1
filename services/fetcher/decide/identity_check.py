"""Custody rule 4: compare the header of a mail that an earlier session read with the one it had then.

The server gives headers without marking anything as read. Where it does not give them, the listed size
decides. Mails that this session read are not compared: their numbers hold as long as the session lasts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from services.fetcher.decide.choice import Wanted
from services.fetcher.decide.fingerprint import header_digest
from services.fetcher.decide.plan import REPLACED, Deletable, Plan
from services.fetcher.mailboxes.mailbox import Mailbox
from shared.ports.store import LedgerRow


async def same_headers(
    suspects: Sequence[Deletable], rows: Mapping[str, LedgerRow], mailbox: Mailbox
) -> frozenset[str]:
    """Return the messages whose header at the source is the one that the ledger knows."""
    compared = await _compared(suspects, rows, mailbox)
    return frozenset(message for message, is_same in compared.items() if is_same)


async def without_replaced(
    plan: Plan, rows: Mapping[str, LedgerRow], mailbox: Mailbox, same: Collection[str] = ()
) -> Plan:
    """Return the plan without the deletion of mails whose UID another mail has now.

    Those are gone, and the mails that have their UIDs are fetched. The headers of `same` were compared
    already.
    """
    compared = await _compared([each for each in plan.delete if each.message not in same], rows, mailbox)
    replaced = {each.message: each for each in plan.delete if compared.get(each.message, True) is False}
    if not replaced:
        return plan
    new = [Wanted(each.entry, rows[message].key) for message, each in replaced.items()]
    return replace(
        plan,
        gone={**plan.gone, **dict.fromkeys(replaced, REPLACED)},
        delete=[each for each in plan.delete if each.message not in replaced],
        choice=replace(plan.choice, fetch=[*plan.choice.fetch, *new]),
    )


async def _compared(
    mails: Sequence[Deletable], rows: Mapping[str, LedgerRow], mailbox: Mailbox
) -> dict[str, bool]:
    """Return by message whether the header is the same; without those of which no header is to be had."""
    by_number = {each.entry.number: each.message for each in mails if rows[each.message].header}
    if not by_number:
        return {}
    compared: dict[str, bool] = {}
    asked = [each.entry for each in mails if each.entry.number in by_number]
    async for entry, header in mailbox.headers(asked):
        if header is not None:
            message = by_number[entry.number]
            compared[message] = header_digest(header) == rows[message].header
    return compared
