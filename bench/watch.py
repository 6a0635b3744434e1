"""Mailboxes whose server tells of new mail (IDLE): the memory of each session, and the time to delivery.

Mails are given with APPEND, one after the other, each to another mailbox. A mail's time runs from before
APPEND is sent until the target has accepted the mail.
"""

from __future__ import annotations

import imaplib
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.ferry import working
from bench.inotify import enough_inotify
from bench.mails import mail
from bench.polls import VISITED
from bench.result import Result
from bench.scraped import scraped
from bench.source import PASSWORD, Source
from bench.usage import resident, usage
from tests.servers.ports import LOOPBACK, free_port
from tests.servers.process import eventually
from tests.servers.smtp_sink import SmtpSink

APPENDED = 100
PATIENCE = 300.0
LONGEST = 30.0
"""A mail that takes longer was not told of; the account is not polled within that time."""
STEP = 0.002
KEPT = "mailferry_fetcher_sessions_kept"
RARELY_DUE = {"MAILFERRY_DEFAULTS__POLL": "1h", "MAILFERRY_FETCHER__WATCH_CONNECTIONS": "100000"}


def watch(source: Source, sink: SmtpSink, home: Path) -> dict[str, Result]:
    """Watch all mailboxes of `source`, beside the same without open sessions."""
    by_imap = replace(source, protocol="imap")
    without = _closed(by_imap, sink, home / "off")
    with enough_inotify(source.accounts) as remark:
        watched = _watched(by_imap, sink, home / "idle", without)
    return {"watch": replace(watched, note=watched.note + remark)}


def _closed(source: Source, sink: SmtpSink, home: Path) -> int:
    """Resident memory once all accounts were visited and no session is open."""
    port = free_port()
    with working("run", source, sink, home, _urls(home), _environment(port), ['watch = "off"']) as pid:
        _await(lambda: scraped(port).get(VISITED, 0.0) >= source.accounts)
        return resident(pid)


def _watched(source: Source, sink: SmtpSink, home: Path, without: int) -> Result:
    port = free_port()
    with working("run", source, sink, home, _urls(home), _environment(port), ['watch = "idle"']) as pid:
        _await(lambda: scraped(port).get(KEPT, 0.0) >= source.accounts)
        each = (resident(pid) - without) / source.accounts / 1024
        before, begun = usage(pid), time.perf_counter()
        taken = sorted(_taken(source, sink, number) for number in range(APPENDED))
        seconds, used = time.perf_counter() - begun, usage(pid)
    p95 = taken[int(0.95 * (len(taken) - 1))]
    late = sum(seconds >= LONGEST for seconds in taken)
    note = (
        f"{source.accounts} sessions, {each:.0f} KiB each; APPEND to delivery: "
        f"p50 {statistics.median(taken) * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms, "
        f"longest {taken[-1] * 1000:.0f} ms, {late} not within {LONGEST:.0f} s"
    )
    cpu = {"mailferry": used.cpu - before.cpu}
    return Result("IDLE", len(taken) - late, seconds, cpu=cpu, peak={"mailferry": used.peak}, note=note)


def _taken(source: Source, sink: SmtpSink, number: int) -> float:
    """Seconds that one mail takes."""
    name = source.names[number * max(1, source.accounts // APPENDED) % source.accounts]
    before = sink.count()
    with imaplib.IMAP4(source.dovecot.host, source.dovecot.imap_port) as client:
        client.login(name, PASSWORD)
        begun = time.perf_counter()
        client.append("INBOX", "", "", mail(number, name, source.octets))
        while sink.count() == before and time.perf_counter() - begun < LONGEST:
            time.sleep(STEP)
        return time.perf_counter() - begun


def _await(condition: Callable[[], bool]) -> None:
    if not eventually(condition, PATIENCE):
        raise TimeoutError("not all mailboxes were visited in time")


def _environment(port: int) -> dict[str, str]:
    return {**RARELY_DUE, "MAILFERRY_METRICS__LISTEN": f"{LOOPBACK}:{port}"}


def _urls(home: Path) -> dict[str, str]:
    return {"broker": "memory:", "store": f"sqlite:///{home}/mailferry.db"}
