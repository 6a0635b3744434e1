"""Whether one tenant's 10,000 mails delay another tenant's single mails: from the fetch to the delivery.

`mailferry run` on SQLite; both tenants deliver to the same target. First the small tenant alone, a mail every
quarter of a second; then the same while the large one's mailboxes are full, until they are empty. The times
are those of the journal: the mail was entered into the ledger, the target's acceptance was recorded.

How long that takes depends on what else the machine does; how many mails of the large tenant are delivered
meanwhile does not, so it is printed, too.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.mails import mail
from bench.result import Result
from bench.source import PASSWORD, Source
from shared.adapters.sql import open_store
from shared.contract.journal import DeliveryBegun, DeliveryEnded, Fetched, Routed
from shared.ports.store import whole_journal
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.process import eventually
from tests.servers.smtp_sink import SmtpSink

LARGE_ACCOUNTS = 10
LARGE_MAILS = 1000
ALONE = 40
DISTANCE = 0.25
PATIENCE = 240.0
STEPS = (Fetched, Routed, DeliveryBegun, DeliveryEnded)
NAMES = ("to its routing", "to the attempt", "to the outcome")
SMALL = "small"
SMALL_ACCOUNT = f"{SMALL}/{SMALL}"


@dataclass(frozen=True, slots=True)
class Lives:
    """The moments of the steps of each of the small tenant's mails, and when the large one's mails were
    delivered.
    """

    small: Sequence[Sequence[float]]
    large: Sequence[float]

    def overtaking(self) -> list[int]:
        """How many of the large tenant's mails were delivered during each life, ascending."""
        return sorted(bisect(self.large, life[-1]) - bisect(self.large, life[0]) for life in self.small)


def fairness(dovecot: Dovecot, sink: SmtpSink, home: Path, octets: int) -> dict[str, Result]:
    """The small tenant alone, and beside the large one."""
    source = Source(dovecot, LARGE_ACCOUNTS, LARGE_MAILS, octets)
    source.create()
    dovecot.add_user(SMALL, PASSWORD)
    alone = _measured(source, sink, home / "alone", "one tenant alone")
    source.fill()
    beside = _measured(source, sink, home / "beside", f"the same beside another's {source.total} mails")
    ratio = beside[1] / alone[1] if alone[1] else 0.0
    note = f"{beside[0].note}; p95 is {ratio:.1f} times that of the tenant alone"
    return {"alone": alone[0], "beside": replace(beside[0], note=note)}


def _measured(source: Source, sink: SmtpSink, home: Path, name: str) -> tuple[Result, float]:
    """The result, and the 95th percentile in seconds."""
    home.mkdir()
    with Ferry(home, _configuration(source, sink, home)) as ferry:
        process = ferry.start()
        begun = time.perf_counter()
        posted = _post(source)
        seconds = time.perf_counter() - begun
        if not eventually(lambda: source.dovecot.remaining_count(SMALL) == 0, PATIENCE):
            raise TimeoutError("the small tenant's mails did not arrive")
        process.terminate()
    lives = asyncio.run(_lives(home))
    taken = sorted(life[-1] - life[0] for life in lives.small)
    p95 = taken[int(0.95 * (len(taken) - 1))]
    shown = ", ".join(
        f"{what} {value * 1000:.0f} ms"
        for what, value in (("p50", statistics.median(taken)), ("p95", p95), ("longest", taken[-1]))
    )
    note = f"fetch to delivery: {shown}; p50 of each step: {_steps(lives.small)}"
    if lives.large:
        meanwhile = lives.overtaking()
        note += (
            f"; the other's mails delivered meanwhile: p50 {statistics.median(meanwhile):.0f}, "
            f"p95 {meanwhile[int(0.95 * (len(meanwhile) - 1))]}"
        )
    return Result(name, posted, seconds, left=source.remaining(), note=note), p95


def _steps(lives: Sequence[Sequence[float]]) -> str:
    """How long the steps take, at the median."""
    whole = [life for life in lives if len(life) == len(STEPS)]
    medians = [
        statistics.median(life[number] - life[number - 1] for life in whole)
        for number in range(1, len(STEPS))
    ]
    return ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in zip(NAMES, medians, strict=True))


def _post(source: Source) -> int:
    """The small tenant's mails, one after the other, until enough have gone and the large mailboxes are
    empty.
    """
    deadline = time.monotonic() + PATIENCE
    posted = 0
    while posted < ALONE or (source.remaining() and time.monotonic() < deadline):
        source.dovecot.fill(SMALL, [mail(posted, SMALL, source.octets)])
        posted += 1
        time.sleep(DISTANCE)
    return posted


async def _lives(home: Path) -> Lives:
    store = open_store(f"sqlite:///{home}/mailferry.db")
    small: dict[str, list[float]] = {}
    large: list[float] = []
    try:
        async for entry in whole_journal(store.operator):
            if isinstance(entry, Fetched) and entry.account == SMALL_ACCOUNT:
                small[entry.message] = []
            if isinstance(entry, STEPS) and entry.message in small:
                small[entry.message].append(entry.at)
            elif isinstance(entry, DeliveryEnded):
                large.append(entry.at)
    finally:
        await store.close()
    return Lives(list(small.values()), sorted(large))


def _configuration(source: Source, sink: SmtpSink, home: Path) -> str:
    lines = [
        'broker.url = "memory:"',
        f'store.url = "sqlite:///{home}/mailferry.db"',
        f'blobs.url = "file://{home}/blobs"',
        'metrics.listen = ""',
        'control.listen = ""',
        "[fetcher]\nhost_connections = 0",
        '[log]\nlevel = "warning"',
        f'[[targets]]\nname = "sink"\nurl = "smtp://127.0.0.1:{sink.port}"\ntls = "off"',
        '[defaults]\ntls = "off"\nauth = ["user"]\ntarget = "sink"\nmailbox = "single"\npoll = "0.5s"',
        f'password = "{PASSWORD}"',
        *(_account(source, "large", name) for name in source.names),
        _account(source, SMALL, SMALL),
    ]
    return "\n".join(lines) + "\n"


def _account(source: Source, tenant: str, name: str) -> str:
    return (
        f'[[accounts]]\ntenant = "{tenant}"\nname = "{name}"\nrecipient = "{name}@here.test"\n'
        f'source = "pop3://{name}@127.0.0.1:{source.pop3_port}"'
    )
