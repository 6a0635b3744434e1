"""Leave a mail alone whose header is another one each time it is looked at.

A header that differs from the one that was fetched means another mail, which is fetched (custody rule 4). A
server that writes headers anew at each look would have its mail fetched for ever. Only IMAP promises never to
give a UID again, so only there three mails in turn under one UID are taken for one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from services.fetcher.decide.choice import Wanted
from services.fetcher.decide.plan import REPLACED, Plan
from services.fetcher.decide.unchanged import read_state, with_entry
from shared.model.errors import quoted
from shared.model.mailbox import Listing
from shared.model.message import DELETABLE, LedgerKey
from shared.ports.store import LedgerRow

KEY = "differences"
MOST_DIFFERENCES = 3
"""In a row at one key. Once or twice, a server has given its UIDs to other mails."""
MOST_NAMED = 3


class Differences(NamedTuple):
    """How often in a row the settled mail at a key was another one than before; `left` are left alone now."""

    counts: Mapping[LedgerKey, int]
    left: Sequence[LedgerKey] = ()

    @property
    def sentences(self) -> list[str]:
        """What the operator should know."""
        if not self.left:
            return []
        keys = self.left[:MOST_NAMED]
        named = ", ".join(f"{quoted(each.uid, 80)} in {quoted(each.folder)}" for each in keys)
        sentence = (
            f"{len(self.left)} mails are neither fetched again nor deleted, as the server shows another "
            f"header under their UIDs in each visit: {named}. Delete them there; one that has not arrived is "
            "fetched once it is in another folder."
        )
        return [sentence]


def remembered_differences(state: str | None) -> dict[LedgerKey, int]:
    """Return what earlier visits remember, by key."""
    remembered = read_state(state).get(KEY)
    counts: dict[LedgerKey, int] = {}
    for each in remembered if isinstance(remembered, list) else ():
        match each:
            case [str(folder), int(uidvalidity), str(uid), int(times)]:
                counts[LedgerKey(folder, uidvalidity, uid)] = times
    return counts


def with_differences(state: str | None, differences: Differences) -> str:
    """Return the text with these counts in the place of earlier ones."""
    return with_entry(state, KEY, [[*key, times] for key, times in sorted(differences.counts.items())])


def leave_different(
    plan: Plan, listing: Listing, rows: Mapping[str, LedgerRow], state: str | None
) -> tuple[Plan, Differences]:
    """Return the plan without the mails that are to be left alone, and the counts after this visit.

    A count ends when its mail is as it was, or is not listed any more.
    """
    before = remembered_differences(state)
    different = {
        rows[message].key: message
        for message, reason in plan.gone.items()
        if reason == REPLACED and rows[message].status in DELETABLE and rows[message].key.uidvalidity
    }
    if not before and not different:
        return plan, Differences({})
    listed = {entry.key for entry in listing.entries}
    as_before = {each.entry.key for each in plan.delete}
    counts = {key: times for key, times in before.items() if key in listed and key not in as_before}
    counts |= {key: min(counts.get(key, 0) + 1, MOST_DIFFERENCES) for key in different}
    left = [key for key in different if counts[key] >= MOST_DIFFERENCES]
    return _without(plan, {different[key] for key in left}, left), Differences(counts, left)


def _without(plan: Plan, messages: set[str], keys: Sequence[LedgerKey]) -> Plan:
    if not messages:
        return plan

    def others(wanted: Sequence[Wanted]) -> list[Wanted]:
        return [each for each in wanted if each.key not in keys]

    choice = plan.choice
    return replace(
        plan,
        gone={message: reason for message, reason in plan.gone.items() if message not in messages},
        choice=replace(
            choice,
            fetch=others(choice.fetch),
            oversize=others(choice.oversize),
            postponed=others(choice.postponed),
        ),
    )
