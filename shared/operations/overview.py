"""How everything is doing, for one person: counts of lights, the worst accounts, mails, targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.access import Permission, Principal, Role, permissions_of
from shared.model.account_condition import Colour
from shared.model.spec import Kind
from shared.operations.context import OperatorContext
from shared.operations.people import Doer
from shared.operations.permitted_accounts import AccountFilter, PermittedAccounts
from shared.operations.remedies import Remedy, remedy_of
from shared.operations.status import AccountStatus, TargetStatus, status_of_targets, target_statuses
from shared.ports.store import MailTotals, SpecFilter, day_of
from shared.runtime.backup_marker import pause_sentence

MOST_PROBLEMS = 10
MOST_TARGETS = 50
IN_TROUBLE = (Colour.RED, Colour.YELLOW)


@dataclass(frozen=True, slots=True)
class Problem:
    """An account that needs somebody, and what helps."""

    account: AccountStatus
    remedy: Remedy


@dataclass(frozen=True, slots=True)
class MailNumbers:
    """Mails and octets fetched today (by UTC), mails on their way, and parked recipients."""

    today: int
    octets_today: int
    in_flight: int
    parked: int


@dataclass(frozen=True, slots=True)
class Overview:
    """What the overview shows. `mails` is None for an owner, `targets` for whom they are not.

    `deletion` says why nothing is deleted at the sources, if that is so; None also for whom that is not.
    """

    counts: Mapping[Colour, int]
    problems: Sequence[Problem]
    more_problems: int
    mails: MailNumbers | None
    targets: Sequence[TargetStatus] | None
    more_targets: int
    deletion: str | None


async def overview(context: OperatorContext, principal: Principal, doer: Doer) -> Overview:
    """Return how everything is doing that the principal sees, or was doing some seconds ago."""
    key = ("overview", principal.role, principal.tenant, principal.accounts, principal.scope)
    now = context.clock.now()
    return await context.recent.get(key, now, lambda: _made(context, principal, doer))


async def _made(context: OperatorContext, principal: Principal, doer: Doer) -> Overview:
    accounts = PermittedAccounts(context, principal, doer)
    worst = await accounts.list(AccountFilter(colours=IN_TROUBLE), MOST_PROBLEMS)
    in_trouble = sum(worst.counts.get(colour, 0) for colour in IN_TROUBLE)
    targets, more = await _targets(context, principal)
    sees_service = principal.tenant is None and Permission.SERVICE_READ in permissions_of(principal)
    return Overview(
        worst.counts,
        [Problem(each, remedy_of(each)) for each in worst.accounts],
        in_trouble - len(worst.accounts),
        None if principal.role is Role.OWNER else await _mails(context, principal.tenant),
        targets,
        more,
        pause_sentence(await context.store.epoch()) if sees_service else None,
    )


async def _mails(context: OperatorContext, tenant: str | None) -> MailNumbers:
    today = day_of(context.clock.now())
    used = await context.store.usage_by_day(today, today, None if tenant is None else [tenant])
    # To count them, PostgreSQL reads all mails. They change by themselves, so nobody misses some seconds.
    totals: MailTotals = await context.recent.get_aged(
        ("mail totals", tenant), context.clock.now(), lambda: context.store.mail_totals(tenant)
    )
    return MailNumbers(
        sum(each.mails for each in used), sum(each.octets for each in used), totals.in_flight, totals.parked
    )


async def _targets(
    context: OperatorContext, principal: Principal
) -> tuple[Sequence[TargetStatus] | None, int]:
    if Permission.TARGETS_READ not in permissions_of(principal):
        return None, 0
    if principal.tenant is None:
        return await status_of_targets(context)
    only = SpecFilter(tenant=principal.tenant)
    specs = await context.registry.store.list_specs(Kind.TARGET, "", MOST_TARGETS + 1, only)
    names = [each.id for each in specs[:MOST_TARGETS]]
    return await target_statuses(context, names), max(0, len(specs) - MOST_TARGETS)
