"""How much is held while nothing can be delivered: 100 mailboxes of 1,000 mails each, and no target.

Three services over RabbitMQ and PostgreSQL. The first half of the time lets them fetch as much as they ever
will; what counts is whether more memory or disk is held at any moment of the second half than of the first.
The second half is long enough for what waits to come back once, five minutes after the probe before.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

import psycopg
from rich.console import Console
from rich.table import Table

from bench.result import Result
from bench.source import PASSWORD, Source
from bench.usage import resident
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ports import free_port
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq

SAMPLES, DISTANCE = 32, 15.0
MEBIBYTE = 1024 * 1024
IN_FLIGHT = "SELECT count(*) FROM messages WHERE status IN ('fetched', 'routed')"
SERVICES = ("router", "relay", "fetcher")


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes at one moment, and how many mails were on their way."""

    in_flight: int
    held: dict[str, int]


def bounded(
    source: Source, rabbitmq: RabbitMq, postgres: Postgres, home: Path, console: Console
) -> dict[str, Result]:
    """Sample for eight minutes, and print the samples."""
    store = postgres.create_database()
    with Ferry(home, _configuration(source, rabbitmq.url(), store)) as ferry:
        ferry.call("db", "upgrade")
        processes = {service: ferry.start(service).ready() for service in SERVICES}
        samples = []
        for _ in range(SAMPLES):
            time.sleep(DISTANCE)
            samples.append(_sample(processes, rabbitmq, store))
    _show(samples, console)
    first, second = _most(samples[: SAMPLES // 2]), _most(samples[SAMPLES // 2 :])
    note = ", ".join(f"{name} {(second[name] - first[name]) / MEBIBYTE:+.1f} MiB" for name in first)
    result = Result(
        name=f"{source.total} mails, no target",
        mails=0,
        seconds=SAMPLES * DISTANCE,
        peak=_most(samples),
        left=source.remaining(),
        note=f"{samples[-1].in_flight} mails in flight; most in the second half over the first: {note}",
    )
    return {"bounded": result}


def _sample(processes: dict[str, FerryProcess], rabbitmq: RabbitMq, store: str) -> Sample:
    with psycopg.connect(store) as connection:
        found = connection.execute(IN_FLIGHT).fetchone()
    held = {name: resident(process.pid) for name, process in processes.items()}
    held["RabbitMQ"] = int(rabbitmq.evaluate("erlang:memory(total)."))
    held["RabbitMQ's disk"] = sum(map(_size, (rabbitmq.directory / "mnesia").rglob("*")))
    return Sample(int(found[0]) if found else 0, held)


def _size(path: Path) -> int:
    """Bytes of a file; RabbitMQ may have deleted it since it was listed."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0
    return status.st_size if S_ISREG(status.st_mode) else 0


def _most(samples: list[Sample]) -> dict[str, int]:
    """The largest value of each."""
    return {name: max(each.held[name] for each in samples) for name in samples[0].held}


def _show(samples: list[Sample], console: Console) -> None:
    table = Table(title="MiB while the target is down")
    for heading in ("seconds", "in flight", *samples[0].held):
        table.add_column(heading, justify="right")
    for number, sample in enumerate(samples, 1):
        held = (f"{octets / MEBIBYTE:.1f}" for octets in sample.held.values())
        table.add_row(f"{number * DISTANCE:.0f}", str(sample.in_flight), *held)
    console.print(table)


def _configuration(source: Source, broker: str, store: str) -> str:
    lines = [
        f'broker.url = "{broker}"',
        f'store.url = "{store}"',
        'blobs.url = "file:blobs"',
        'metrics.listen = ""',
        'control.listen = ""',
        "[fetcher]\nhost_connections = 0",
        '[log]\nformat = "json"',
        f'[[targets]]\nname = "down"\nurl = "smtp://127.0.0.1:{free_port()}"\ntls = "off"',
        '[defaults]\ntls = "off"\nauth = ["user"]\ntarget = "down"\nmailbox = "single"\npoll = "5s"',
        f'password = "{PASSWORD}"',
    ]
    lines += [
        f'[[accounts]]\ntenant = "bench"\nname = "{name}"\nrecipient = "{name}@here.test"\n'
        f'source = "pop3://{name}@127.0.0.1:{source.pop3_port}"'
        for name in source.names
    ]
    return "\n".join(lines) + "\n"
