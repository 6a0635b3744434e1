"""A folder that the server no longer lists is gone with its mails, but only after a day.

Servers leave folders out for a while: a shared one that is not mounted, or a list that lags. If its mails
were forgotten at once, they would be fetched again when it is back. So they are not recorded as gone before.
Until then they are recognised where they show up under other keys, as a folder may have got another name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from services.fetcher.decide.plan import Plan
from services.fetcher.decide.unchanged import read_state, with_entry
from shared.model.mailbox import Listing
from shared.ports.store import LedgerRow

KEY = "absent folders"
BELIEVED_AFTER = 86_400.0
"""Seconds. A server that is repaired, or waits for its storage, is back by then."""


class AbsentFolders(NamedTuple):
    """The folders of known mails that are not listed, and since when (seconds since the epoch).

    The mails of those that are `held` do not count as gone yet.
    """

    since: Mapping[str, float]
    held: frozenset[str] = frozenset()


def absent_folders(
    state: str | None, listing: Listing, rows: Iterable[LedgerRow], now: float
) -> AbsentFolders:
    """Return the absent folders after a visit with this listing; as before where it does not tell.

    A time to come was that of a wrong clock, and begins anew.
    """
    before = remembered_absences(state)
    if listing.folders is None or listing.only_changes:  # then only a part of the ledger was read
        return AbsentFolders(before, frozenset(before))
    absent = {row.key.folder for row in rows} - listing.folders
    since = {each: min(before.get(each, now), now) for each in absent}
    return AbsentFolders(since, frozenset(each for each in absent if now < since[each] + BELIEVED_AFTER))


def remembered_absences(state: str | None) -> dict[str, float]:
    """Return what earlier visits remember."""
    remembered = read_state(state).get(KEY)
    found: dict[str, float] = {}
    for folder, since in remembered.items() if isinstance(remembered, dict) else ():
        match since:
            case int() | float():
                found[folder] = float(since)
    return found


def with_absences(state: str | None, absent: AbsentFolders) -> str:
    """Return the text with these folders in the place of earlier ones."""
    return with_entry(state, KEY, {each: absent.since[each] for each in sorted(absent.since)})


def without_held(plan: Plan, rows: Mapping[str, LedgerRow], held: Collection[str]) -> Plan:
    """Return the plan in which no mail of the folders `held` counts as gone."""
    if not held:
        return plan
    gone = {message: why for message, why in plan.gone.items() if rows[message].key.folder not in held}
    return replace(plan, gone=gone)
