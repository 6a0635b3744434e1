"""Horizontal scale: 1, 2 and 4 of each service, each process with the same share of a core.

The servers have no limit. Each run carries the same mails, from when the accounts are resumed to the last
deletion. Beside the rate, a result tells how often each service had to stop as its share was used up, and how
busy the machine was: where a service never stops, it is not what limits the rate, and where the machine has
no idle time, the processes did not get their shares.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from rich.console import Console

from bench.cpu_limit import CpuLimit, NoCpuLimits, Throttling, cpu_limit
from bench.ferry import COMMAND, SERVICES, await_delivery, configured, ended, start_service, upgrade
from bench.result import Result
from bench.source import Source
from bench.usage import servers_cpu, servers_cpu_since, usage
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq
from tests.servers.smtp_sink import SmtpSink

NUMBERS = (1, 2, 4)
CONCURRENCY = 8
"""Visits of a fetcher at a time. With more, the first one would take all accounts, and the others none."""


@dataclass
class Limited:
    """The processes of a service, each with its limit."""

    children: list[subprocess.Popen[bytes]] = field(default_factory=list)
    limits: list[CpuLimit] = field(default_factory=list)

    def cpu(self) -> float:
        """The seconds of CPU that they have used."""
        return sum(usage(each.pid).cpu for each in self.children)

    def peak(self) -> int:
        """The most memory of one of them."""
        return max(usage(each.pid).peak for each in self.children)

    def throttling(self) -> list[Throttling]:
        """What their limits have counted."""
        return [each.throttling() for each in self.limits]

    def throttled_since(self, before: Sequence[Throttling]) -> float:
        """The part of the periods in which they had to stop."""
        since = [now.since(then) for now, then in zip(self.throttling(), before, strict=True)]
        return fmean(each.throttled / max(1, each.periods) for each in since)


def scale(
    source: Source,
    sink: SmtpSink,
    work: Path,
    rabbitmq: RabbitMq,
    postgres: Postgres,
    share: float,
    console: Console,
) -> dict[str, Result]:
    """Carry the mails of `source` with each number of processes; nothing where that cannot be limited."""
    results: dict[str, Result] = {}
    for number in NUMBERS:
        name = f"{number} of each, {share:g} core"
        console.print(f"scale: {name} …")
        source.fill()
        vhost = rabbitmq.add_vhost()
        urls = {"broker": rabbitmq.url(vhost), "store": postgres.create_database()}
        try:
            result = _carried(name, number, share, source, sink, work / f"scale-{number}", urls)
        except NoCpuLimits as reason:
            console.print(f"scale is not measured: {reason}")
            return {}
        finally:
            rabbitmq.delete_vhost(vhost)
        console.print(f"  {result.rate:.0f} mails/s; {result.note}")
        results[f"scale {number}"] = result
    return results


def _carried(
    name: str,
    number: int,
    share: float,
    source: Source,
    sink: SmtpSink,
    home: Path,
    urls: dict[str, str],
) -> Result:
    home.mkdir()
    config = configured(source, sink, home, urls)
    upgrade(config)
    _command(config, "pause", "--all")
    before = sink.count()
    services = {service: Limited() for service in SERVICES}
    with ExitStack() as stack:
        for service, processes in services.items():
            for index in range(number):
                limit = stack.enter_context(cpu_limit(f"{service}-{index}", share))
                child = start_service(service, config, home, MAILFERRY_FETCHER__CONCURRENCY=str(CONCURRENCY))
                stack.callback(ended, {service: child})
                limit.add(child.pid)  # their start is not measured, and would take four times as long
                processes.children.append(child)
                processes.limits.append(limit)
        servers, machine = servers_cpu(), machine_cpu()
        used = {service: each.cpu() for service, each in services.items()}
        throttled = {service: each.throttling() for service, each in services.items()}
        _command(config, "resume", "--all")
        started = time.perf_counter()
        await_delivery(source, sink, before)
        seconds = time.perf_counter() - started
        stopped = ", ".join(
            f"{service} {each.throttled_since(throttled[service]):.0%}" for service, each in services.items()
        )
        return Result(
            name=name,
            mails=sink.count() - before,
            seconds=seconds,
            cpu={service: each.cpu() - used[service] for service, each in services.items()},
            peak={service: each.peak() for service, each in services.items()},
            left=source.remaining(),
            note=f"stopped by their limit: {stopped}; the machine was {_busy_since(machine):.0%} busy",
            beside=servers_cpu_since(servers),
        )


def _command(config: Path, *arguments: str) -> None:
    subprocess.run([COMMAND, *arguments, "-c", config], check=True, stdout=subprocess.DEVNULL)


def machine_cpu() -> tuple[int, int]:
    """Return the machine's busy and whole processor time, in ticks."""
    ticks = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)


def _busy_since(before: tuple[int, int]) -> float:
    busy, whole = machine_cpu()
    return (busy - before[0]) / max(1, whole - before[1])
