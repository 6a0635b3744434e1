"""Pausing and resuming: what is paused is not visited until it is resumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.operations.context import OperatorContext
from shared.ports.store import EVERYTHING, covers

__all__ = ["EVERYTHING", "PauseChange", "ResumeChange", "pause", "resume"]


@dataclass(frozen=True, slots=True)
class PauseChange:
    """The accounts that are paused from now on, those that were so `already`, and those that are
    `unscheduled`: the file has them, the registry does not yet, and nobody will visit them.
    """

    changed: Sequence[str]
    already: Sequence[str]
    unscheduled: Sequence[str]


@dataclass(frozen=True, slots=True)
class ResumeChange:
    """The accounts that are visited again, and the scopes of wider pauses that still hold some."""

    changed: Sequence[str]
    still_paused_by: Sequence[str]


async def pause(context: OperatorContext, scopes: Sequence[str]) -> PauseChange:
    """Pause accounts (`tenant/name`), tenants (`tenant/`) or everything (`EVERYTHING`)."""
    store = context.store
    before = await store.pauses()
    changed: list[str] = []
    for scope in scopes:
        changed += await store.pause_scope(scope, context.clock.now())
    scheduled = {*await store.scheduled_accounts(scopes)}
    written = {
        each for each in context.configuration.accounts if any(covers(scope, each) for scope in scopes)
    }
    already = sorted(each for each in scheduled | written if any(earlier.holds(each) for earlier in before))
    unscheduled = sorted(written - scheduled - {*already})
    return PauseChange(changed, already, unscheduled)


async def resume(context: OperatorContext, scopes: Sequence[str]) -> ResumeChange:
    """Take back the pauses of these scopes and of everything in them; the accounts are due at once."""
    changed: list[str] = []
    for scope in scopes:
        changed += await context.store.resume_scope(scope, context.clock.now())
    left = await context.store.pauses()
    return ResumeChange(changed, [each.scope for each in left if any(each.holds(scope) for scope in scopes)])
