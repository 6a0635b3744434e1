"""How the accounts and the targets of the registry are doing, those with problems first.

The database counts and sorts, so a hundred thousand accounts cost one of its queries and a page of rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.model.account_condition import AccountCondition, Colour
from shared.model.errors import joined
from shared.model.retention import Retention
from shared.model.spec import Kind, Manager
from shared.operations.context import OperatorContext
from shared.operations.existence import accepts_all, queried_targets
from shared.operations.grant_status import GrantStatus, account_grants
from shared.operations.status_colour import (
    DISABLED,
    OK,
    StatusReport,
    account_status,
    pause_of,
    target_status,
    visitor_of,
)
from shared.operations.wording import minute
from shared.ports.store import (
    AccountCounts,
    AccountQuery,
    ListedAccount,
    MailTotals,
    Pause,
    TargetFact,
    TargetState,
    UnregisteredAccount,
)
from shared.runtime.backup_marker import pause_sentence

ALL_UP_TO = 200
WORST = 20
"""Accounts that are shown where nobody says how many: all, or if there are more than fit, the worst."""
MOST_TARGETS = 50
MOST_UNNAMED = 20


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """Which accounts are asked for: these, those of these tenants, or all; with `failing` only those that
    fail. `limit`: how many are listed at most, None as `ALL_UP_TO` says.
    """

    accounts: Sequence[str] = ()
    tenants: Sequence[str] = ()
    failing: bool = False
    limit: int | None = None


EVERYTHING = StatusQuery()


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """How an account is doing; times are seconds since the epoch, None where there is none.

    `waiting` mails were at the source after the last visit and were not done, `copies` are done and stay
    there, `in_flight` ones are between fetching and settling, `suppressed` recipients had an identical mail
    already, `parked` ones wait for an operator, `lost` mails left the source before they were delivered,
    `skipped` ones are left there because of `begin`. `grant` is the state of its OAuth grant, if it has one,
    and `grant_days_left` the days until it will stop.
    """

    account: str
    colour: Colour
    sentence: str
    waiting: int
    in_flight: int
    parked: int
    visited_at: float | None
    succeeded_at: float | None
    due_at: float | None
    login_method: str | None
    suppressed: int
    lost: int
    skipped: int
    visited_by: str | None
    copies: int
    condition: AccountCondition = AccountCondition.NEW
    grant: str | None = None
    grant_days_left: int | None = None


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """How a target is doing. `waiting` recipients are to be tried again. `accepts_all` are domains of which
    the target takes every address, although accounts ask it who exists; `facts` are what relays have learnt.
    """

    target: str
    colour: Colour
    sentence: str
    accepts_all: Sequence[str]
    facts: Mapping[str, str]
    waiting: int
    parked: int


@dataclass(frozen=True, slots=True)
class UnnamedAccount:
    """An account that is not in the registry, or was removed from it, and has mail: `at_source` mails are not
    done and in its mailbox, `here` ones are held in blobs alone, `parked` recipients wait for an operator.
    """

    account: str
    at_source: int
    here: int
    parked: int
    visited_at: float | None
    removed_at: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Summary:
    """How many accounts there are among those asked for, by colour and by state; `failing` or not."""

    accounts: int
    colours: Mapping[Colour, int]
    states: Mapping[AccountCondition, int]


@dataclass(frozen=True, slots=True)
class Status:
    """The first `accounts` of those that were asked for, and the targets.

    `more` accounts, and `more_targets`, are not listed. `deletion` says why nothing is deleted at the
    sources, if that is so. `mails` has the mails in custody and the parked recipients of all accounts, where
    no accounts are named.
    """

    summary: Summary
    accounts: Sequence[AccountStatus]
    more: int
    targets: Sequence[TargetStatus]
    more_targets: int
    unnamed: Sequence[UnnamedAccount]
    deletion: str | None
    mails: MailTotals | None = None


async def status(context: OperatorContext, query: StatusQuery = EVERYTHING) -> Status:
    """Return how accounts and targets are doing. Where accounts are named, only they are shown."""
    store, now = context.store, context.clock.now()
    limit = ALL_UP_TO if query.limit is None else query.limit
    asked = AccountQuery(tuple(query.accounts), tuple(query.tenants), query.failing, limit)
    page = await store.account_page(asked, now)
    summary = _summary(page.counts)
    found = summary.states.get(AccountCondition.FAILING, 0) if query.failing else summary.accounts
    listed = page.accounts[:WORST] if query.limit is None and found > ALL_UP_TO else page.accounts
    is_whole = not query.accounts and not query.tenants
    targets, more_targets = await status_of_targets(context) if is_whole else ([], 0)
    unnamed = await store.unregistered_accounts(MOST_UNNAMED) if is_whole else []
    return Status(
        summary,
        await account_statuses(context, listed),
        found - len(listed),
        targets,
        more_targets,
        [_unnamed(each) for each in unnamed],
        pause_sentence(await store.epoch()),
        await store.mail_totals() if is_whole else None,
    )


def _summary(counts: Mapping[tuple[Colour, AccountCondition], int]) -> Summary:
    colours: Counter[Colour] = Counter()
    states: Counter[AccountCondition] = Counter()
    for (colour, state), number in counts.items():
        colours[colour] += number
        states[state] += number
    return Summary(sum(counts.values()), dict(colours), dict(states))


async def account_statuses(context: OperatorContext, listed: Sequence[ListedAccount]) -> list[AccountStatus]:
    """Return how these accounts are doing, with what is counted for each."""
    pauses = await context.store.pauses()
    counts = await context.store.account_counts([each.account for each in listed])
    now = context.clock.now()
    names = [each.account for each in listed]
    await context.registry.load(names)
    grants = await account_grants(context, {name: context.registry.accounts.get(name) for name in names})
    return [
        with_grant(
            _account(each, pause_of(each.account, pauses), counts[each.account], now),
            grants.get(each.account),
        )
        for each in listed
    ]


def _leaves_copies(listed: ListedAccount) -> bool:
    return Retention.parse(str(listed.keys.get("retention", "delete"))).leaves_a_copy


def with_grant(status: AccountStatus, grant: GrantStatus | None) -> AccountStatus:
    """Add how the account's grant is doing; what it needs makes a green account yellow."""
    if grant is None:
        return status
    colour, sentence = status.colour, status.sentence
    if grant.sentence != OK and grant.sentence not in sentence:
        colour = Colour.YELLOW if colour is Colour.GREEN else colour
        sentence = grant.sentence if sentence == OK else f"{sentence}; {grant.sentence}"
    return replace(
        status, colour=colour, sentence=sentence, grant=grant.state, grant_days_left=grant.days_left
    )


def _account(listed: ListedAccount, pause: Pause | None, counts: AccountCounts, now: float) -> AccountStatus:
    state = listed.state
    report = account_status(
        state,
        enabled=listed.enabled,
        parked=counts.parked,
        now=now,
        pause=pause,
        lost=counts.lost,
        disabled=_disabled(listed),
    )
    is_scheduled = state is not None and state.enabled and pause is None
    return AccountStatus(
        account=listed.account,
        colour=report.colour,
        sentence=report.sentence,
        waiting=state.waiting if state else 0,
        in_flight=counts.in_flight,
        parked=counts.parked,
        visited_at=state.visited_at if state else None,
        succeeded_at=state.succeeded_at if state else None,
        due_at=state.due_at if state and is_scheduled else None,
        login_method=state.method if state else None,
        suppressed=counts.suppressed,
        lost=counts.lost,
        skipped=counts.skipped,
        visited_by=visitor_of(state, now) if state else None,
        copies=counts.settled if _leaves_copies(listed) else 0,
        condition=listed.condition,
    )


def _disabled(listed: ListedAccount) -> str:
    """What it means that an account is not enabled: by its own key or its tenant's or target's, or because it
    left its file.
    """
    if listed.keys.get("enabled") is False:
        return DISABLED
    if listed.disabled_holder is not None:
        return f"its {listed.disabled_holder.value} is disabled: neither visited nor delivered"
    if listed.managed_by is Manager.FILE:
        return f"not in {listed.origin} any more: not visited; what is on its way is delivered"
    return "disabled: not visited; what is on its way is delivered"


async def status_of_targets(context: OperatorContext) -> tuple[list[TargetStatus], int]:
    """Return the targets that cannot be reached, and others by name; and how many more there are."""
    store, now, registry = context.store, context.clock.now(), context.registry
    outages = {each.target: each for each in await store.outages(now)}
    by_name = await registry.store.list_specs(Kind.TARGET, "", MOST_TARGETS)
    dead = await registry.store.specs(Kind.TARGET, sorted(outages))
    known = {each.id for each in (*dead, *by_name) if each.removed_at is None}
    names = sorted(known, key=lambda each: (each not in outages, each))[:MOST_TARGETS]
    found = await target_statuses(context, names)
    return found, await registry.store.count_specs(Kind.TARGET) - len(found)


async def target_statuses(context: OperatorContext, names: Sequence[str]) -> list[TargetStatus]:
    """Return how these targets are doing, in their order."""
    store, now = context.store, context.clock.now()
    outages = {each.target: each for each in await store.outages(now)}
    await context.registry.load((), names)
    domains: dict[str, list[str]] = defaultdict(list)
    for catch_all in await store.catch_alls():
        domains[catch_all.target].append(catch_all.domain)
    queried = queried_targets(context.configuration)
    facts: dict[str, list[TargetFact]] = defaultdict(list)
    for fact in await store.target_facts(now):
        facts[fact.target].append(fact)
    return [
        _target(
            context,
            replace(each, outage=outages.get(each.target), facts=tuple(facts[each.target])),
            domains[each.target] if each.target in queried else [],
        )
        for each in await store.target_states(names)
    ]


def _target(context: OperatorContext, state: TargetState, catch_all: Sequence[str]) -> TargetStatus:
    target = context.registry.targets.get(state.target)
    report = target_status(state, is_here=target is not None and target.endpoint.is_here)
    if (problem := context.registry.targets.problem(state.target)) is not None:
        report = StatusReport(Colour.RED, problem)
    return TargetStatus(
        target=state.target,
        colour=report.colour,
        sentence=joined([report.sentence, accepts_all(catch_all)]) if catch_all else report.sentence,
        accepts_all=catch_all,
        facts={fact.kind.value: fact.value for fact in state.facts},
        waiting=state.waiting,
        parked=state.parked,
    )


def _unnamed(account: UnregisteredAccount) -> UnnamedAccount:
    sentence = "not in the registry: not visited, and its mail is not routed"
    if account.removed_at is not None:
        sentence = f"removed at {minute(account.removed_at)}: its mail in custody is delivered first"
    if not account.at_source and not account.here:
        sentence = "not in the registry; its parked mail is kept"
    return UnnamedAccount(**account._asdict(), sentence=sentence)
