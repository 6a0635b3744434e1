"""The cost of a mail with 1,000 mails in the ledger and with 1,000,000: on SQLite and on PostgreSQL.

A thousand mails of a hundred accounts are carried. All others are made from these (`bench.mail_templates`),
row by row as Mailferry writes them, spread over the 80 days before. With their recipients, claims and
journals, a million mails have 5,800,000 entries in the journal.

- Nine in ten were delivered, deleted and seen gone, and are still remembered, as `keep_history` is 90 days.
  They belong to the accounts of the measured mail: with a million, each account has 9,000. This is the usual
  ledger, as mail is usually deleted at its source.
- One in ten is in a mailbox where a copy stays: ten mailboxes, with a million of 10,000 mails each. These
  mailboxes are not visited, as a visit lists the whole mailbox, however large the ledger is.

Few and many rows take turns, so that other load on the machine affects both.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.carried import carried
from bench.ferry import distributed, embedded
from bench.filling import fill
from bench.mail_templates import MailTemplate, Story, kept
from bench.result import Result
from bench.source import Source
from shared.adapters.sql import upgrade
from tests.servers.dovecot import Dovecot
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq
from tests.servers.smtp_sink import SmtpSink

ACCOUNTS, MAILS, OCTETS = 100, 50, 4096
FEW, MANY = "1,000", "1,000,000"
GENERATIONS = {FEW: 1, MANY: 1000}
CARRIED_OF_EACH, KEEPERS = 10, 10
SPREAD = 80 * 86400.0
ROUNDS = 2
FIRST = 1_000_000_000
"""Numbers of mails differ in each round, as those of an earlier round would be duplicates."""
SQLITE, POSTGRES = "SQLite, embedded", "PostgreSQL, three processes"
DATABASE = "postgres"
"""The program whose CPU time counts as the database's; SQLite's is in that of the process."""


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers and directories of the measurement."""

    dovecot: Dovecot
    sink: SmtpSink
    rabbitmq: RabbitMq
    postgres: Postgres


def rows(servers: Servers, home: Path, console: Console) -> dict[str, Result]:
    """Measure both databases with few rows and with many, and print them side by side."""
    source = Source(servers.dovecot, ACCOUNTS, CARRIED_OF_EACH, OCTETS, first=FIRST)
    source.create()
    source.fill()
    templates = _templates(carried(source, servers.sink, home))
    many = _filled(servers, home / "many.db", templates, MANY, console)
    results: dict[str, Result] = {}
    for number in range(ROUNDS):
        few = _filled(servers, home / f"few{number}.db", templates, FEW, console)
        for amount, urls in ((FEW, few), (MANY, many)):
            for name, url in urls.items():
                title = _title(name, amount)
                source = replace(source, mails=MAILS, first=source.first + MAILS)
                directory = home / str(source.first)
                directory.mkdir()
                result = replace(_carried(name, servers, source, directory, url), name=title)
                results[title] = _together(results.get(title), result)
                said = f"{result.rate:.0f} mails/s, {_cpu(result):.0f} µs CPU for each"
                console.print(f"  {title}: {said}", soft_wrap=True)
    _show(results, console)
    return results


def _templates(stories: Sequence[Story]) -> list[MailTemplate]:
    """One mail of each account is one that stays at its source."""
    each = ACCOUNTS // KEEPERS * CARRIED_OF_EACH
    return [
        MailTemplate(story if number % CARRIED_OF_EACH else kept(story, f"bench/keeper{number // each}"))
        for number, story in enumerate(stories)
    ]


def _filled(
    servers: Servers, path: Path, templates: Sequence[MailTemplate], amount: str, console: Console
) -> dict[str, str]:
    """Both databases with that many mails, by the way in which they are used."""
    urls = {SQLITE: f"sqlite://{path}", POSTGRES: servers.postgres.create_database()}
    for url in urls.values():
        upgrade(url)
    begun = time.perf_counter()
    fill([*urls.values()], templates, GENERATIONS[amount], SPREAD)
    console.print(f"  two databases with {amount} mails filled in {time.perf_counter() - begun:.0f} s")
    return urls


def _carried(name: str, servers: Servers, source: Source, home: Path, url: str) -> Result:
    source.fill()
    if name == SQLITE:
        return embedded(source, servers.sink, home, url)
    result = distributed(source, servers.sink, home, servers.rabbitmq.url(), url)
    return replace(result, cpu={**result.cpu, DATABASE: result.beside[DATABASE]})


def _together(before: Result | None, result: Result) -> Result:
    """Both rounds as one."""
    if before is None:
        return result
    return replace(
        result,
        mails=before.mails + result.mails,
        seconds=before.seconds + result.seconds,
        cpu={program: before.cpu[program] + cpu for program, cpu in result.cpu.items()},
        peak={program: max(before.peak[program], peak) for program, peak in result.peak.items()},
        note=before.note or result.note,
        beside={},
    )


def _show(results: Mapping[str, Result], console: Console) -> None:
    table = Table(title="CPU time of a mail, in µs: our processes and the database")
    table.add_column("")
    for heading in (FEW, MANY, "ratio"):
        table.add_column(heading, justify="right")
    for name in (SQLITE, POSTGRES):
        few, many = (results[_title(name, amount)] for amount in (FEW, MANY))
        table.add_row(name, *_compared(_cpu(few), _cpu(many)))
        if DATABASE in few.cpu_per_mail:
            part = (each.cpu_per_mail[DATABASE] * 1e6 for each in (few, many))
            table.add_row("  of these the database", *_compared(*part))
        table.add_row("  mails/s", *_compared(few.rate, many.rate), end_section=True)
    console.print(table)


def _title(name: str, amount: str) -> str:
    return f"{name}, {amount} mails in the ledger"


def _cpu(result: Result) -> float:
    return sum(result.cpu_per_mail.values()) * 1e6


def _compared(few: float, many: float) -> tuple[str, str, str]:
    return f"{few:.0f}", f"{many:.0f}", f"{many / few:.2f}"
