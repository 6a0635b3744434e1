"""`mailferry status`: how each account and each target is doing, at a glance."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
from rich.text import Text

from services.cli.existence import accepts_all, asked_targets
from services.cli.operator_context import OperatorContext, operator_context
from services.cli.options import config_file, output
from services.cli.output import Column, Row, console, moment, print_table, write_json
from services.cli.running import execute
from services.cli.unnamed import ADVICE, UNNAMED, unnamed_rows
from shared.config import Configuration, load
from shared.model.message import IN_FLIGHT
from shared.operations.status_colour import StatusReport, account_status, pause_of, target_status, visitor_of
from shared.ports.store import AccountState, Parked, TargetFact, TargetState
from shared.runtime.backup_marker import pause_sentence

STYLES = {"white": "default", "green": "green", "yellow": "yellow", "red": "bold red"}
ACCOUNTS = (
    Column("account", "Account", whole=True),
    Column("light", "State", whole=True),
    Column("waiting", "Waiting", number=True),
    Column("in_flight", "On the way", number=True),
    Column("suppressed", "Suppressed", number=True),
    Column("parked", "Parked", number=True),
    Column("visited", "Last visit", whole=True),
    Column("due", "Next", whole=True),
    Column("sentence", "Why"),
)
TARGETS = (
    Column("target", "Target", whole=True),
    Column("light", "State", whole=True),
    Column("waiting", "Waiting", number=True),
    Column("parked", "Parked", number=True),
    Column("sentence", "Why"),
)
MOST_PARKED = 100_000


@dataclass(frozen=True, slots=True)
class Overview:
    """Rows for accounts, targets and accounts that are not configured; and why nothing is deleted at the
    sources, if that is so.
    """

    accounts: list[Row]
    targets: list[Row]
    unnamed: list[Row]
    deletion: str | None


@click.command(
    epilog="white: never tried · green: it works · yellow: paused, disabled or partly working · red: not "
    "reachable, or the login was refused. Suppressed are recipients who had an identical mail already, "
    "of the mails that are remembered. Times are UTC."
)
@config_file
@output
def status(path: Path, output: str) -> None:
    """Show how each account and each target is doing."""
    configuration = load(path, os.environ)
    found = execute(lambda: _overview(configuration))
    if output == "json":
        write_json(asdict(found))
    else:
        _show(found)


def _show(found: Overview) -> None:
    screen = console()
    if found.deletion is not None:
        sentence = found.deletion[0].upper() + found.deletion[1:] + "."
        screen.print(Text(sentence, style="bold red"), soft_wrap=True)
        screen.print()
    print_table(screen, [_shown(row) for row in found.accounts], ACCOUNTS)
    screen.print()
    if found.unnamed:
        rows = [{**row, "visited": _moment(row["visited_at"])} for row in found.unnamed]
        print_table(screen, rows, UNNAMED)
        screen.print(ADVICE, style="yellow")
        screen.print()
    print_table(screen, [_shown(row) for row in found.targets], TARGETS)


async def _overview(configuration: Configuration) -> Overview:
    async with operator_context(configuration) as archive:
        store = archive.store
        states = {state.account: state for state in await store.account_states()}
        parked = _parked_by_account(await store.parked_recipients(MOST_PARKED))
        strangers = [each for each in states if each not in configuration.accounts]
        return Overview(
            await _accounts(configuration, archive, states, parked),
            await _targets(configuration, archive),
            unnamed_rows(states, await store.custody_summaries(strangers), parked, configuration.accounts),
            pause_sentence(await store.epoch()),
        )


async def _accounts(
    configuration: Configuration,
    archive: OperatorContext,
    states: Mapping[str, AccountState],
    parked: Mapping[str, int],
) -> list[Row]:
    counts = await archive.store.message_counts()
    suppressed = await archive.store.suppressed_counts()
    pauses = await archive.store.pauses()
    lost = Counter(each.account for each in await archive.store.left_behind(MOST_PARKED))
    rows: list[Row] = []
    now = archive.clock.now()
    for account in configuration.accounts.values():
        state = states.get(account.id)
        pause = pause_of(account.id, pauses)
        light = account_status(
            state,
            enabled=account.enabled,
            parked=parked.get(account.id, 0),
            now=now,
            pause=pause,
            lost=lost[account.id],
        )
        in_flight = sum(counts.get((account.id, each), 0) for each in IN_FLIGHT)
        row = _account_row(account.id, light, state, parked.get(account.id, 0), in_flight)
        row = {
            **row,
            "suppressed": suppressed.get(account.id, 0),
            "lost": lost[account.id],
            "visited_by": visitor_of(state, now) if state else None,
        }
        rows.append({**row, "due_at": None} if pause else row)
    return rows


def _account_row(
    account: str, light: StatusReport, state: AccountState | None, parked: int, in_flight: int
) -> Mapping[str, object]:
    return {
        "account": account,
        "colour": light.colour.value,
        "sentence": light.sentence,
        "waiting": state.waiting if state else 0,
        "in_flight": in_flight,
        "parked": parked,
        "visited_at": state.visited_at if state else None,
        "succeeded_at": state.succeeded_at if state else None,
        "due_at": state.due_at if state and state.enabled else None,
        "login_method": state.method if state else None,
    }


async def _targets(configuration: Configuration, archive: OperatorContext) -> list[Row]:
    domains: dict[str, list[str]] = defaultdict(list)
    for found in await archive.store.catch_alls():
        domains[found.target].append(found.domain)
    asked = asked_targets(configuration)
    now = archive.clock.now()
    outages = {each.target: each for each in await archive.store.outages(now)}
    facts: dict[str, list[TargetFact]] = defaultdict(list)
    for fact in await archive.store.target_facts(now):
        facts[fact.target].append(fact)
    return [
        _target_row(
            replace(each, outage=outages.get(each.target), facts=tuple(facts[each.target])),
            domains[each.target] if each.target in asked else [],
            is_here=configuration.targets[each.target].endpoint.is_here,
        )
        for each in await archive.store.target_states(list(configuration.targets))
    ]


def _target_row(state: TargetState, catch_all: Sequence[str], *, is_here: bool) -> Mapping[str, object]:
    light = target_status(state, is_here=is_here)
    return {
        "target": state.target,
        "colour": light.colour.value,
        "sentence": f"{light.sentence}; {accepts_all(catch_all)}" if catch_all else light.sentence,
        "accepts_all": catch_all,
        "facts": {fact.kind.value: fact.value for fact in state.facts},
        "waiting": state.waiting,
        "parked": state.parked,
    }


def _parked_by_account(parked: Sequence[Parked]) -> Counter[str]:
    return Counter(each.message.account for each in parked)


def _shown(row: Row) -> Row:
    """A row for a table: the colour in its colour, times for people."""
    colour = str(row["colour"])
    visited_by = row.get("visited_by")
    return {
        **row,
        "light": Text(colour, style=STYLES[colour]),
        "visited": _moment(row.get("visited_at")),
        "due": "being visited" if visited_by else _moment(row.get("due_at")),
    }


def _moment(seconds: object) -> str | None:
    """Month, day, hour and minute: what tells in a table."""
    written = moment(seconds) if isinstance(seconds, float) else None
    return written[5:16] if written else None
