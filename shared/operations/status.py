"""How each account and each target is doing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.model.account import Account
from shared.model.errors import joined
from shared.model.message import IN_FLIGHT, MessageStatus
from shared.operations.context import OperatorContext
from shared.operations.existence import accepts_all, queried_targets
from shared.operations.grant_status import OK, GrantStatus, account_grants
from shared.operations.pass_report import copies_left
from shared.operations.status_colour import Colour, account_status, pause_of, target_status, visitor_of
from shared.ports.store import AccountState, Pause, TargetFact, TargetState
from shared.runtime.backup_marker import pause_sentence

MAX_COUNTED = 100_000
"""Parked recipients, and lost mails, that are read to count them by account."""


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """How a configured account is doing; times are seconds since the epoch, None where there is none.

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
    """An account that the configuration does not name, although mail of it is not done: `at_source` mails
    are in its mailbox, `here` ones are held in blobs alone.
    """

    account: str
    at_source: int
    here: int
    parked: int
    visited_at: float | None


@dataclass(frozen=True, slots=True)
class Status:
    """All accounts and targets. `deletion` says why nothing is deleted at the sources, if that is so."""

    accounts: Sequence[AccountStatus]
    targets: Sequence[TargetStatus]
    unnamed: Sequence[UnnamedAccount]
    deletion: str | None


@dataclass(frozen=True, slots=True)
class _Counts:
    """Numbers by account."""

    messages: Mapping[tuple[str, MessageStatus], int]
    suppressed: Mapping[str, int]
    skipped: Mapping[str, int]
    parked: Counter[str]
    lost: Counter[str]


async def status(context: OperatorContext) -> Status:
    """Return how all accounts and targets are doing."""
    store = context.store
    states = {state.account: state for state in await store.account_states()}
    counts = _Counts(
        await store.message_counts(),
        await store.suppressed_counts(),
        await store.skipped_counts(),
        Counter(each.message.account for each in await store.parked_recipients(MAX_COUNTED)),
        Counter(each.account for each in await store.left_behind(MAX_COUNTED)),
    )
    return Status(
        await _accounts(context, states, counts),
        await _targets(context),
        await _unnamed(context, states, counts.parked),
        pause_sentence(await store.epoch()),
    )


async def _accounts(
    context: OperatorContext, states: Mapping[str, AccountState], counts: _Counts
) -> list[AccountStatus]:
    pauses = await context.store.pauses()
    now = context.clock.now()
    grants = await account_grants(context)
    return [
        with_grant(
            _account(account, states.get(account.id), pause_of(account.id, pauses), counts, now),
            grants.get(account.id),
        )
        for account in context.configuration.accounts.values()
    ]


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


def _account(
    account: Account, state: AccountState | None, pause: Pause | None, counts: _Counts, now: float
) -> AccountStatus:
    name = account.id
    parked, lost = counts.parked[name], counts.lost[name]
    report = account_status(state, enabled=account.enabled, parked=parked, now=now, pause=pause, lost=lost)
    is_scheduled = state is not None and state.enabled and pause is None
    return AccountStatus(
        account=name,
        colour=report.colour,
        sentence=report.sentence,
        waiting=state.waiting if state else 0,
        in_flight=sum(counts.messages.get((name, each), 0) for each in IN_FLIGHT),
        parked=parked,
        visited_at=state.visited_at if state else None,
        succeeded_at=state.succeeded_at if state else None,
        due_at=state.due_at if state and is_scheduled else None,
        login_method=state.method if state else None,
        suppressed=counts.suppressed.get(name, 0),
        lost=lost,
        skipped=counts.skipped.get(name, 0),
        visited_by=visitor_of(state, now) if state else None,
        copies=copies_left(account, counts.messages),
    )


async def _targets(context: OperatorContext) -> list[TargetStatus]:
    store, now, targets = context.store, context.clock.now(), context.configuration.targets
    domains: dict[str, list[str]] = defaultdict(list)
    for catch_all in await store.catch_alls():
        domains[catch_all.target].append(catch_all.domain)
    queried = queried_targets(context.configuration)
    outages = {each.target: each for each in await store.outages(now)}
    facts: dict[str, list[TargetFact]] = defaultdict(list)
    for fact in await store.target_facts(now):
        facts[fact.target].append(fact)
    return [
        _target(
            replace(each, outage=outages.get(each.target), facts=tuple(facts[each.target])),
            domains[each.target] if each.target in queried else [],
            is_here=targets[each.target].endpoint.is_here,
        )
        for each in await store.target_states(list(targets))
    ]


def _target(state: TargetState, catch_all: Sequence[str], *, is_here: bool) -> TargetStatus:
    report = target_status(state, is_here=is_here)
    return TargetStatus(
        target=state.target,
        colour=report.colour,
        sentence=joined([report.sentence, accepts_all(catch_all)]) if catch_all else report.sentence,
        accepts_all=catch_all,
        facts={fact.kind.value: fact.value for fact in state.facts},
        waiting=state.waiting,
        parked=state.parked,
    )


async def _unnamed(
    context: OperatorContext, states: Mapping[str, AccountState], parked: Mapping[str, int]
) -> list[UnnamedAccount]:
    configured = context.configuration.accounts
    custody = await context.store.custody_summaries([each for each in states if each not in configured])
    return [
        UnnamedAccount(
            account=account,
            at_source=custody[account].at_source if account in custody else 0,
            here=custody[account].here if account in custody else 0,
            parked=parked.get(account, 0),
            visited_at=states[account].visited_at if account in states else None,
        )
        for account in sorted({*custody, *parked} - {*configured})
    ]
