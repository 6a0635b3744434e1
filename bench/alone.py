"""Measurements that start servers of their own, or need none."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from rich.console import Console

from bench import idle
from bench.api import api
from bench.carriers import LASTING_IMAP
from bench.console import console_pages
from bench.handshake import handshakes
from bench.headers import headers
from bench.huge import huge_mail, huge_mail_in_parts
from bench.large import Large, fill_large
from bench.oauth import Place, oauth
from bench.polls import polls
from bench.registry import postgres_place, registry, sqlite_place
from bench.relay import relay_alone, relay_large
from bench.result import Result
from bench.scale import scale
from bench.source import Source, source_directory
from bench.watch import watch
from shared.adapters.sql import upgrade
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq
from tests.servers.smtp_sink import SmtpSink

IDLE_ACCOUNTS = 1000
KEPT_MAILS, KEPT_OCTETS = 10, 1024
"""Of each mailbox in which copies stay."""
MANY_SESSIONS = (
    LASTING_IMAP
    + "default_process_limit = 4096\nservice imap {\n  process_limit = 4096\n}\n"
    + "service imap-login {\n  client_limit = 4096\n}\nmail_max_userip_connections = 4096\n"
)
"""More than one for each mailbox: those that wait, and those that give mail."""


def measure_scale(
    sink: SmtpSink, options: argparse.Namespace, stack: ExitStack, console: Console
) -> dict[str, Result]:
    """Several of each service, over one RabbitMQ and one PostgreSQL."""
    dovecot = stack.enter_context(Dovecot(stack.enter_context(source_directory())))
    work = stack.enter_context(server_directory("scale"))
    source = Source(dovecot, options.accounts, options.mails, options.octets)
    source.create()
    rabbitmq = stack.enter_context(RabbitMq(stack.enter_context(server_directory("rabbitmq"))))
    postgres = stack.enter_context(Postgres(stack.enter_context(server_directory("postgres"))))
    return scale(source, sink, work, rabbitmq, postgres, options.share, console)


def measure_large(
    wanted: Sequence[str], sink: SmtpSink, large: Large, stack: ExitStack, console: Console
) -> dict[str, Result]:
    """API and console with many accounts and mails, on PostgreSQL."""
    rabbitmq = stack.enter_context(RabbitMq(stack.enter_context(server_directory("rabbitmq"))))
    postgres = stack.enter_context(Postgres(stack.enter_context(server_directory("postgres"))))
    home = stack.enter_context(server_directory("large"))
    place = postgres_place(home, postgres.create_database(), rabbitmq.url())
    begun = time.perf_counter()
    fill_large(place, large)
    console.print(
        f"{large.accounts:,} accounts and {large.mails:,} mails in {time.perf_counter() - begun:.0f} s"
    )
    results = console_pages([place], large, console) if "console" in wanted else {}
    return results | (api([place], large, sink, console) if "api" in wanted else {})


def measure_relay(wanted: Sequence[str], sink: SmtpSink, octets: int) -> dict[str, Result]:
    """The relay alone, without a source."""
    measure = {"relay": lambda: relay_alone(sink, octets), "large": lambda: relay_large(sink)}
    return {name: measure[name]() for name in measure if name in wanted}


def measure_without_servers(wanted: Sequence[str], stack: ExitStack, console: Console) -> dict[str, Result]:
    """Measure what needs no mail server."""
    results = _registry(stack, console) if "registry" in wanted else {}
    if "oauth" in wanted:
        results |= _oauth(stack, console)
    if "huge" in wanted:
        directory = stack.enter_context(server_directory("huge"))
        results["huge"] = huge_mail(directory)
        results["huge-imap"] = huge_mail_in_parts(directory)
    if "handshake" in wanted:
        results |= handshakes(stack.enter_context(server_directory("handshake")))
    if "headers" in wanted and (decided := headers()):
        results["headers"] = decided
    return results


def measure_idle(sink: SmtpSink, stack: ExitStack, console: Console) -> dict[str, Result]:
    """Bare clients, Mailferry, and a bare client again, in case the load of the machine changed."""
    dovecot = stack.enter_context(Dovecot(stack.enter_context(source_directory())))
    work = stack.enter_context(server_directory("work"))
    source = Source(dovecot, IDLE_ACCOUNTS, 0, 0)
    source.create()
    rabbitmq = stack.enter_context(RabbitMq(stack.enter_context(server_directory("rabbitmq"))))
    postgres = stack.enter_context(Postgres(stack.enter_context(server_directory("postgres"))))
    embedded_urls = {"broker": "memory:", "store": f"sqlite:///{work}/idle/mailferry.db"}
    apart_urls = {"broker": rabbitmq.url(), "store": postgres.create_database()}
    console.print("idle …")
    return {
        "bare": idle.bare(source, 1),
        "bare at once": idle.bare(source, idle.BARE_AT_ONCE),
        "idle": idle.polled("mailferry run, SQLite", source, sink, work / "idle", "run", embedded_urls),
        "idle apart": idle.polled(
            "mailferry fetcher, PostgreSQL", source, sink, work / "apart", "fetcher", apart_urls
        ),
        "bare again": replace(idle.bare(source, 1), name="bare client, again"),
    }


def measure_waiting(
    wanted: Sequence[str], sink: SmtpSink, accounts: int, stack: ExitStack, console: Console
) -> dict[str, Result]:
    """Mailboxes in which little or nothing comes."""
    results: dict[str, Result] = {}
    home = stack.enter_context(server_directory("waiting"))
    dovecot = stack.enter_context(Dovecot(stack.enter_context(source_directory()), extra=MANY_SESSIONS))
    source = Source(dovecot, accounts, KEPT_MAILS, KEPT_OCTETS)
    source.create()
    if "polls" in wanted:
        results |= polls(source, sink, home, console)
    if "watch" in wanted:
        console.print("watch …")
        empty = replace(source, mails=0)
        empty.fill()
        results |= watch(empty, sink, home)
    return results


def _registry(stack: ExitStack, console: Console) -> dict[str, Result]:
    """Many accounts, on SQLite and on PostgreSQL."""
    rabbitmq = stack.enter_context(RabbitMq(stack.enter_context(server_directory("rabbitmq"))))
    postgres = stack.enter_context(Postgres(stack.enter_context(server_directory("postgres"))))
    homes = [stack.enter_context(server_directory(name)) for name in ("registry-file", "registry-server")]
    apart = postgres_place(homes[1], postgres.create_database(), rabbitmq.url())
    return registry([sqlite_place(homes[0]), apart], console)


def _oauth(stack: ExitStack, console: Console) -> dict[str, Result]:
    """Renewing grants, on SQLite and on PostgreSQL."""
    home = stack.enter_context(server_directory("oauth"))
    postgres = stack.enter_context(Postgres(stack.enter_context(server_directory("postgres"))))
    urls = {"SQLite": f"sqlite://{home}/mailferry.db", "PostgreSQL": postgres.create_database()}
    for url in urls.values():
        upgrade(url)
    return oauth([Place(name, url) for name, url in urls.items()], home, console)
