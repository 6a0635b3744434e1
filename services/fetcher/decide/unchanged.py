"""Decide whether a visit may end at once, because the mailbox is as the last visit left it.

A mailbox may end a visit so only if nothing was left to do there: every mail in it is a settled copy that
stays for now. What is remembered is good for the very next visit, until a copy is to be deleted, and for
`verify_every` at most: a server's fingerprint may lie. A visit that fails or dies forgets it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from services.fetcher.decide.plan import Plan
from shared.custody.commands import Fence
from shared.model.account import Account
from shared.model.mailbox import Listing
from shared.model.retention import Retention
from shared.ports.store import LedgerRow

KEY = "unchanged"


class Remembered(NamedTuple):
    """What is remembered of a mailbox in which nothing was left to do.

    `fingerprint` is the mailbox's own. `settings` is a digest of the account's keys that decide what a visit
    does. `until`, in seconds since the epoch: then the mailbox is listed in any case. `fence` is the number
    of the lease of the visit that remembered it.
    """

    fingerprint: str
    settings: str
    until: float
    fence: int


def read_state(state: str | None) -> dict[str, Any]:
    """Return what earlier visits remember of an account; nothing where the text is not ours."""
    try:
        values = json.loads(state or "{}")
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def remembered(state: str | None) -> Remembered | None:
    """Return what the text remembers of the mailbox; None where that is nothing."""
    match read_state(state).get(KEY):
        case [str(fingerprint), str(settings), int() | float() as until, int(fence)]:
            return Remembered(fingerprint, settings, float(until), fence)
        case _:
            return None


def with_remembered(state: str | None, memory: Remembered | None) -> str:
    """Return the text with `memory` in the place of an earlier one."""
    others = {key: value for key, value in read_state(state).items() if key != KEY}
    return json.dumps(others | ({KEY: list(memory)} if memory else {}), separators=(",", ":"))


def may_skip_listing(
    memory: Remembered, account: Account, fence: Fence, *, failures: int, now: float
) -> bool:
    """Return whether the same fingerprint means that there is nothing to do.

    `failures` counts the visits that failed since. The fence shows that no visit was begun in between, which
    may have changed the mailbox and died. A time further ahead than `verify_every` was set by a wrong clock.
    """
    return (
        failures == 0
        and fence.number == memory.fence + 1
        and now < memory.until <= now + account.reading.verify_every
        and memory.settings == settings_digest(account)
    )


def quiet_until(
    account: Account,
    listing: Listing,
    plan: Plan,
    rows: Iterable[LedgerRow],
    retention: Retention,
    now: float,
) -> float | None:
    """Return until when nothing is to be done in the mailbox by itself; None where there is something now.

    What is gone is recorded in this visit. `retention` is the one in force.
    """
    choice = plan.choice
    is_busy = (
        plan.delete
        or plan.in_flight
        or plan.unnamed
        or plan.moved
        or choice.fetch
        or choice.oversize
        or choice.postponed
        or listing.problems
        or listing.nameless
    )
    if is_busy or plan.kept != len(listing.entries):
        return None
    verified = now + account.reading.verify_every
    kept = [row for row in rows if row.message not in plan.gone and listing.covers(row.key)]
    ends = [end for row in kept if (end := retention.ends_at(row.first_fetched_at)) is not None]
    return min([verified, *ends])


def settings_digest(account: Account) -> str:
    """Return a digest of what decides which mailbox is visited and what a visit does there."""
    decisive = (
        account.protocol,
        account.endpoint,
        account.login.username,
        account.retention,
        account.reading,
        account.custody,
    )
    return hashlib.sha256(repr(decisive).encode("utf-8")).hexdigest()[:16]
