"""The registry with 1,000, 10,000 and 100,000 accounts, on SQLite and on PostgreSQL.

Each number is the time of a whole command, with the CPU time of its process behind it: other load on the
machine changes the first and hardly the second. Applying is done with a file that has all accounts, with the
same file after one account was changed, and with a file of one account beside the others. A fetcher starts
with a file that has no accounts, while none is due; on SQLite it is `mailferry run`, with router and relay in
its process.

At last, where a database may have several, two fetchers visit the accounts of the largest size, all of them
due, at a source that has no mail and costs next to nothing (`bench.empty_source`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from sqlalchemy import create_engine, text

from bench.ferry import COMMAND, BenchError, secrets_key
from bench.polls import FAILED, VISITED
from bench.result import Result
from bench.scraped import scraped
from bench.usage import resident, servers_cpu, servers_cpu_since, usage
from shared.adapters.sql import open_store
from shared.model.hosts import NO_LIMITS
from tests.servers.ports import LOOPBACK, free_port, greets
from tests.servers.process import eventually

SIZES = (1_000, 10_000, 100_000)
OF_A_TENANT = 10
LEASED = 50
LATER = 86_400.0
WARM_UP, WINDOW = 10.0, 20.0
DEADLINE = 600.0
GOALS = {"start": 2.0, "apply all": 60.0, "apply one": 2.0, "status": 2.0}
"""Seconds that are the aim with 100,000 accounts; a fetcher is to stay below 150 MiB."""


class Taken(NamedTuple):
    """Seconds, and CPU seconds, of one command."""

    seconds: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} ({self.cpu:.2f})"


@dataclass(frozen=True, slots=True)
class Place:
    """A database, the broker beside it, and a directory for files."""

    name: str
    store: str
    broker: str
    home: Path
    port: int = field(default_factory=free_port)

    @property
    def service(self) -> str:
        """The command that visits accounts."""
        return "run" if self.broker == "memory:" else "fetcher"


def registry(places: Sequence[Place], console: Console, sizes: Sequence[int] = SIZES) -> dict[str, Result]:
    """Measure each size on each database, and print the table. A database is filled further for each size."""
    results: dict[str, Result] = {}
    table = Table(title="seconds (CPU seconds)")
    rows: dict[tuple[str, int], Mapping[str, str]] = {}
    for place in places:
        run(place, "db", "upgrade", "-c", str(configured(place, "services", 0)))
        for size in sizes:
            console.print(f"registry, {place.name}, {size} accounts …")
            rows[place.name, size], result = _measured(place, size)
            console.print(result.note)
            results[f"registry {place.name} {size}"] = result
        if place.service == "fetcher":
            results["registry visits"] = _visits(place, sizes[-1])
    table.add_column("")
    for place_name, size in rows:
        table.add_column(f"{place_name}\n{size:,}", justify="right")
    for heading in next(iter(rows.values())):
        table.add_row(heading, *(row[heading] for row in rows.values()))
    console.print(table)
    return results


def _measured(place: Place, size: int) -> tuple[Mapping[str, str], Result]:
    everything, services = configured(place, "all", size), configured(place, "services", 0)
    apply_all = run(place, "apply", "-c", str(everything))
    again = run(place, "apply", "-c", str(everything))
    everything.write_text(everything.read_text().replace('recipient = "box7@', 'recipient = "other7@'))
    one_of_all = run(place, "apply", "-c", str(everything))
    one = run(place, "apply", "-c", str(configured(place, "one", 1, tenant="single")))
    leased = asyncio.run(_lease(place.store))
    postpone(place.store)
    status = run(place, "status", "-c", str(services))
    start, memory = _started(place, services)
    row = {
        "apply all": str(apply_all),
        "apply all again": str(again),
        "apply all, one changed": str(one_of_all),
        "apply a file of one": str(one),
        f"lease {LEASED} due accounts, ms": f"{leased * 1000:.1f}",
        "status": str(status),
        "start of a fetcher": str(start),
        "its memory, MiB": f"{memory / 1024**2:.0f}",
    }
    result = Result(
        name=f"registry, {place.name}, {size} accounts",
        mails=size,
        seconds=apply_all.seconds,
        cpu={"apply": apply_all.cpu},
        peak={place.service: memory},
        note=", ".join(f"{name} {value}" for name, value in row.items()),
    )
    return row, result


def configured(place: Place, name: str, accounts: int, *, tenant: str = "") -> Path:
    """Write a file with so many accounts at the place's source."""
    lines = [
        f'store.url = "{place.store}"',
        f'broker.url = "{place.broker}"',
        f'blobs.url = "file://{place.home}/blobs"',
        'log.level = "warning"',
        '[relay]\nhelo_name = "ferry.here.test"',
        f'[secrets]\nkey_file = "{secrets_key(place.home)}"',
        "[fetcher]\nhost_connections = 0",
        '[defaults]\ntls = "off"\nauth = ["user"]\ntarget = "sink"\nmailbox = "single"\npoll = "60s"',
    ]
    if accounts:
        lines.append(f'[[targets]]\nname = "sink{tenant}"\nurl = "smtp://{LOOPBACK}:9"\ntls = "off"')
        lines[-2] = lines[-2].replace('"sink"', f'"sink{tenant}"')
    lines += [
        f'[[accounts]]\ntenant = "{tenant or f"t{number // OF_A_TENANT:05}"}"\nname = "box{number}"\n'
        f'source = "pop3://box{number}@{LOOPBACK}:{place.port}"\npassword = "secret"\n'
        f'recipient = "box{number}@here.test"'
        for number in range(accounts)
    ]
    path = place.home / f"{name}.toml"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")
    return path


def postpone(store: str, seconds: float = LATER) -> None:
    """Have no account due for so long."""
    url = store.replace("postgresql://", "postgresql+psycopg://").replace("sqlite:///", "sqlite:////")
    engine = create_engine(url)
    with engine.begin() as connection:
        moment = {"at": time.time() + seconds}
        connection.execute(
            text("UPDATE accounts SET due_at = :at, ready_at = :at, lease_until = NULL"), moment
        )
        if engine.dialect.name == "postgresql":
            connection.execute(text("ANALYZE"))
    engine.dispose()


def run(place: Place, *arguments: str) -> Taken:
    """Run a command to its end."""
    log = place.home / "command.log"
    begun = time.perf_counter()
    with log.open("wb") as output:
        child = subprocess.Popen(
            [COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        _, ended, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(ended)
    if child.returncode != 0:
        raise BenchError(f"{' '.join(arguments)}: exit code {child.returncode}: {log.read_text()[-2000:]}")
    return Taken(time.perf_counter() - begun, used.ru_utime + used.ru_stime)


async def _lease(url: str) -> float:
    """Lease accounts that are due, the third time: by then statements are prepared."""
    store, taken = open_store(url), 0.0
    try:
        for _ in range(3):
            now, begun = time.time(), time.perf_counter()
            leases = await store.fetcher.lease_due("bench", now, now + 1, LEASED, NO_LIMITS)
            taken = time.perf_counter() - begun
            if len(leases) != LEASED:
                raise BenchError(f"{len(leases)} of {LEASED} accounts could be leased")
        return taken
    finally:
        await store.close()


def _started(place: Place, config: Path) -> tuple[Taken, int]:
    """Start what visits accounts, until it is ready; return that, and its memory ten seconds later."""
    begun = time.perf_counter()
    with _serving(place, config) as (pid, _):
        taken = Taken(time.perf_counter() - begun, usage(pid).cpu)
        time.sleep(10.0)
        return taken, resident(pid)


def _visits(place: Place, size: int) -> Result:
    """Two fetchers share all accounts, which are due at the same moment and stay more than they can visit."""
    postpone(place.store, 0.0)
    source = subprocess.Popen([sys.executable, "-m", "bench.empty_source", str(place.port)])
    config = configured(place, "services", 0)
    try:
        with _serving(place, config) as (first, port), _serving(place, config) as (second, other_port):
            time.sleep(WARM_UP)
            servers, begun = servers_cpu(), time.perf_counter()
            visits, cpu = _visited(port, other_port), _cpu_of(first, second)
            time.sleep(WINDOW)
            seconds = time.perf_counter() - begun
            visits, used = _visited(port, other_port) - visits, _cpu_of(first, second)
            memory = resident(first)
            beside = servers_cpu_since(servers)
    finally:
        source.kill()
        source.wait()
    of_fetchers = used - cpu
    share = visits / of_fetchers / (size / 60.0) if of_fetchers else 0.0
    return Result(
        name=f"registry, visits of two fetchers to {size} accounts",
        mails=int(visits),
        seconds=seconds,
        cpu={"fetchers": of_fetchers},
        peak={"fetcher": memory},
        note=f"one core bears {share:.0%} of the {size / 60:.0f} visits a second that polls each 60 s need",
        beside=beside,
    )


def _visited(*ports: int) -> float:
    """The visits of the fetchers with metrics at these ports. Failed visits are no measurement."""
    samples = [scraped(port) for port in ports]
    if any(each.get(FAILED, 0.0) for each in samples):
        raise BenchError("visits failed")
    return sum(each.get(VISITED, 0.0) for each in samples)


def _cpu_of(*pids: int) -> float:
    return sum(usage(pid).cpu for pid in pids)


@contextmanager
def _serving(place: Place, config: Path) -> Iterator[tuple[int, int]]:
    """Run what visits accounts, and yield its id and the port of its metrics once it is ready."""
    port = free_port()
    environment = {**os.environ, "MAILFERRY_METRICS__LISTEN": f"{LOOPBACK}:{port}"}
    with (place.home / f"service-{port}.log").open("wb") as output:
        child = subprocess.Popen(
            [COMMAND, place.service, "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    try:
        asked = b"GET /readyz HTTP/1.1\r\n\r\n"
        if not eventually(lambda: greets(port, b"HTTP/1.1 200", says=asked), DEADLINE):
            raise BenchError(f"{place.service} was not ready, see {place.home}/service-{port}.log")
        yield child.pid, port
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(60)


def sqlite_place(home: Path) -> Place:
    """A place with SQLite and the broker inside."""
    return Place("SQLite", f"sqlite://{home}/mailferry.db", "memory:", home)


def postgres_place(home: Path, store: str, broker: str) -> Place:
    """A place with PostgreSQL and RabbitMQ."""
    return replace(sqlite_place(home), name="PostgreSQL", store=store, broker=broker)
