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
    `unscheduled`: no fetcher has seen them yet, and none will visit them.
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
    scheduled = {each.account for each in await store.account_summaries()}
    configured = context.configuration.accounts
    covered = [each for each in configured if any(covers(scope, each) for scope in scopes)]
    already = [each for each in covered if any(earlier.holds(each) for earlier in before)]
    unscheduled = [each for each in covered if each not in scheduled and each not in already]
    return PauseChange(changed, already, unscheduled)


async def resume(context: OperatorContext, scopes: Sequence[str]) -> ResumeChange:
    """Take back the pauses of these scopes and of everything in them; the accounts are due at once."""
    changed: list[str] = []
    for scope in scopes:
        changed += await context.store.resume_scope(scope, context.clock.now())
    left = await context.store.pauses()
    return ResumeChange(changed, [each.scope for each in left if any(each.holds(scope) for scope in scopes)])
