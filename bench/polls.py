"""Polling mailboxes in which nothing came: POP3 and IMAP, with and without TLS, with sessions that stay open.

Visits are counted by Mailferry's own metrics, after as many visits as there are mailboxes. With retention
`keep` each mailbox has mails that were carried before.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from bench.ferry import working
from bench.idle import ALWAYS_DUE
from bench.result import Result
from bench.scraped import scraped
from bench.source import Source
from bench.usage import servers_cpu, servers_cpu_since, usage
from tests.servers.ports import LOOPBACK, free_port
from tests.servers.process import eventually
from tests.servers.smtp_sink import SmtpSink

WINDOW = 8.0
PATIENCE = 180.0
VISITED = 'mailferry_fetcher_visits_total{outcome="ok"}'
FAILED = 'mailferry_fetcher_visits_total{outcome="failed"}'


@dataclass(frozen=True, slots=True)
class Poll:
    """A way to poll."""

    protocol: str
    tls: bool
    retention: str
    watch: str

    @property
    def name(self) -> str:
        """How the report calls it."""
        parts = [self.protocol.upper(), *(["TLS"] if self.tls else []), f"retention {self.retention}"]
        return ", ".join([*parts, *(["kept session"] if self.watch == "keep" else [])])

    @property
    def defaults(self) -> list[str]:
        """The lines of the configuration."""
        watch = [f'watch = "{self.watch}"'] if self.protocol == "imap" else []
        return [f'retention = "{self.retention}"', *watch]


def ways() -> Iterator[Poll]:
    """All of them, those that are compared beside each other."""
    for retention in ("delete", "keep"):
        for tls in (False, True):
            yield Poll("pop3", tls, retention, "off")
            yield Poll("imap", tls, retention, "off")
            yield Poll("imap", tls, retention, "keep")


def polls(source: Source, sink: SmtpSink, home: Path, console: Console) -> dict[str, Result]:
    """Each way, with the mails of `source` in each mailbox where the retention is `keep`."""
    results = {}
    for number, way in enumerate(ways()):
        console.print(f"{way.name} …")
        chosen = replace(
            source, protocol=way.protocol, tls=way.tls, mails=source.mails if way.retention == "keep" else 0
        )
        chosen.fill()
        results[f"polls: {way.name}"] = _polled(way, chosen, sink, home / str(number))
    return results


def _polled(way: Poll, source: Source, sink: SmtpSink, home: Path) -> Result:
    port, before = free_port(), sink.count()
    environment = {**ALWAYS_DUE, "MAILFERRY_METRICS__LISTEN": f"{LOOPBACK}:{port}"}
    urls = {"broker": "memory:", "store": f"sqlite:///{home}/mailferry.db"}
    with working("run", source, sink, home, urls, environment, way.defaults) as pid:

        def has_come_around(times: int) -> bool:
            return scraped(port).get(VISITED, 0.0) >= times * source.accounts

        ready = eventually(lambda: sink.count() - before >= source.total, PATIENCE)
        around = int(scraped(port).get(VISITED, 0.0)) // source.accounts + 2
        if not ready or not eventually(lambda: has_come_around(around), PATIENCE):
            return Result(way.name, 0, PATIENCE, note="did not come around")
        servers, at, used = servers_cpu(), scraped(port), usage(pid)
        begun = time.perf_counter()
        time.sleep(WINDOW)
        seconds, after, peak = time.perf_counter() - begun, scraped(port), usage(pid)
        beside = servers_cpu_since(servers)
    failed = int(after.get(FAILED, 0.0) - at.get(FAILED, 0.0))
    return Result(
        name=f"polls: {way.name}",
        mails=int(after[VISITED] - at[VISITED]),
        seconds=seconds,
        cpu={"mailferry": peak.cpu - used.cpu},
        peak={"mailferry": peak.peak},
        note=f"{failed} visits failed" if failed else "",
        beside=beside,
    )
