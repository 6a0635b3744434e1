"""Rule 4, before mails are deleted that an earlier session read: is it the mail that its UID named then?

Sizes were compared when the visit was planned; here it is the headers, which the server gives without marking
anything as read. Where it does not give them, the size has to do. Mails that this session read are not
asked for again: their numbers hold as long as it lasts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from services.fetcher.decide.choice import Wanted
from services.fetcher.decide.fingerprint import header_digest
from services.fetcher.decide.plan import REPLACED, Deletable, Plan
from shared.model.mailbox import Mailbox
from shared.ports.store import LedgerRow


async def rechecked(plan: Plan, rows: Mapping[str, LedgerRow], mailbox: Mailbox) -> Plan:
    """The plan without the deletion of mails that are not the ones they were: those are gone, and what has
    their UID now is fetched.
    """
    asked = [each for each in plan.delete if rows[each.message].header]
    if not asked:
        return plan
    by_number = {each.entry.number: each for each in asked}
    others: dict[str, Deletable] = {}
    async for entry, header in mailbox.headers([each.entry for each in asked]):
        each = by_number[entry.number]
        if header is not None and header_digest(header) != rows[each.message].header:
            others[each.message] = each
    return _without(plan, others, rows) if others else plan


def _without(plan: Plan, others: Mapping[str, Deletable], rows: Mapping[str, LedgerRow]) -> Plan:
    new = [Wanted(each.entry, rows[message].key) for message, each in others.items()]
    return replace(
        plan,
        gone={**plan.gone, **dict.fromkeys(others, REPLACED)},
        delete=[each for each in plan.delete if each.message not in others],
        choice=replace(plan.choice, fetch=[*plan.choice.fetch, *new]),
    )
