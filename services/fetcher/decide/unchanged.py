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
MAILBOX_KEY = "mailbox"


class Remembered(NamedTuple):
    """What is remembered of a mailbox in which nothing was left to do.

    `fingerprint` is the mailbox's own. `settings` is a digest of the account's keys that decide what a visit
    does. `until`, in seconds since the epoch: then the mailbox is listed in any case. `fence` is the number
    of the lease of the visit that remembered it. `with_later`: mails that came later need something still.
    """

    fingerprint: str
    settings: str
    until: float
    fence: int
    with_later: bool = False


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
        case [str(fingerprint), str(settings), int() | float() as until, int(fence), bool(with_later)]:
            return Remembered(fingerprint, settings, float(until), fence, with_later)
        case _:
            return None


def prolonged(state: str | None, fence: Fence) -> str | None:
    """Return the text as a visit leaves it that did not get as far as the mailbox."""
    memory = remembered(state)
    if memory is None or memory.fence + 1 != fence.number:
        return state
    return with_remembered(state, memory._replace(fence=fence.number))


def with_remembered(state: str | None, memory: Remembered | None) -> str:
    """Return the text with `memory` in the place of an earlier one."""
    return with_entry(state, KEY, list(memory) if memory else None)


def with_entry(state: str | None, key: str, value: Any) -> str:
    """Return the text with `value` in the place of what was remembered under `key`."""
    others = {each: earlier for each, earlier in read_state(state).items() if each != key}
    return json.dumps(others | ({key: value} if value else {}), separators=(",", ":"))


def mailbox_memory(state: str | None) -> str:
    """Return what the mailbox of the visit before wants to be known; "" where that is nothing."""
    return str(read_state(state).get(MAILBOX_KEY, ""))


def with_mailbox_memory(state: str | None, memory: str) -> str | None:
    """Return the text with the `memory` of the mailbox in the place of an earlier one."""
    if mailbox_memory(state) == memory:
        return state
    return with_entry(state, MAILBOX_KEY, memory)


def still_holds(memory: Remembered, account: Account, fence: Fence, now: float) -> bool:
    """Return whether there is nothing to do with mails that are there since the mailbox had the fingerprint.

    The fence shows that no visit was begun in between, which may have changed the mailbox and failed or died.
    A time further ahead than `verify_every` was set by a wrong clock.
    """
    return (
        fence.number == memory.fence + 1
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

    What is gone is recorded in this visit. No fingerprint shows that a mail has lost its flag. `retention` is
    the one in force.
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
        or listing.flagged
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
        account.folders,
        account.custody,
        account.begin,
    )
    return hashlib.sha256(repr(decisive).encode("utf-8")).hexdigest()[:16]
