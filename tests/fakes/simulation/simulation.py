"""The whole simulation: three accounts, two fetchers, a router, two relays, and the faults of a test."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Mapping
from functools import cache
from itertools import chain
from pathlib import Path
from unittest.mock import patch

from prometheus_client import CollectorRegistry

from services.fetcher.build import build_fetcher
from services.fetcher.mailboxes.opening import Opened, OpenMetered
from services.relay.build import build_relay
from services.router.build import build_router
from shared.config import Configuration, from_mapping
from shared.contract.topology import topology
from shared.custody.decide import NOBODY
from shared.model.account import Account
from shared.model.mailbox import Meter
from shared.runtime.metrics import Metrics
from shared.runtime.runtime import Runtime
from shared.runtime.stop import Stop
from tests.fakes.directory import FakeDirectories
from tests.fakes.simulation.blob_store import ProcessBlobs, SimulatedBlobStore
from tests.fakes.simulation.broker import ProcessBroker, SimulatedBroker
from tests.fakes.simulation.database import MemoryDatabase, store_of
from tests.fakes.simulation.mails import DOMAIN, POSTMASTER, Mail
from tests.fakes.simulation.oracle import Oracle
from tests.fakes.simulation.process import Outcome, Process, make_task
from tests.fakes.simulation.source import Maildrop, ProcessMailbox
from tests.fakes.simulation.target import ProcessTargetQueues, SimulatedTarget
from tests.fakes.simulation.time import SimulatedClock, SimulatedLoop

MOVER, KEEPER, SPOOLER = ACCOUNTS = ("acme/mover", "acme/keeper", "acme/spooler")
FETCHERS = ("fetcher-1", "fetcher-2")
SERVICES = ("router", "relay-1", "relay-2")
MESSAGE_LEASE, ACCOUNT_LEASE, RETENTION, SETTLE_WAIT = 900.0, 60.0, 7 * 86400.0, 5.0
WINDOW = 3
INLINE_LIMIT = 1000
UNLIMITED = 1000
HIGHER = 1_000_000
"""Above every mark that a backup marker can have."""


class Simulation:
    """Nothing happens but what the test does. `history` describes it for a failure's text."""

    def __init__(self) -> None:
        self.loop = SimulatedLoop()
        self.loop.set_task_factory(make_task)
        self.clock = SimulatedClock(self.loop)
        self.configuration = _configuration()
        self.database = MemoryDatabase()
        self.topology = topology(self.configuration.relay.retry_delays)
        self.broker = SimulatedBroker(self.topology, self.loop)
        self.blob_store = SimulatedBlobStore()
        self.target = SimulatedTarget()
        self.store = store_of(self.database)
        self.oracle = Oracle(self.database, self.blob_store, self.target)
        self.maildrops = {
            name: Maildrop(self.oracle.record_removal, consumes=name == SPOOLER) for name in ACCOUNTS
        }
        self.processes: dict[str, Process] = {}
        self.history: list[str] = []
        self._random = random.Random(1)
        self._names = 0
        for name in (*FETCHERS, *SERVICES):
            self._start(name)

    def arrive(self, account: str, mail: Mail, *, under_a_used_uid: bool = False) -> None:
        """Let a mail arrive at its source."""
        nobody = POSTMASTER if account == MOVER else NOBODY
        mail = mail._replace(wanted=mail.wanted or (nobody,))
        self.oracle.expect(mail, group=f"only {mail.tag}" if account == KEEPER else mail.identity)
        self.maildrops[account].put(mail, under_a_used_uid=under_a_used_uid)
        self.history.append(f"{mail.tag} arrives at {account}")

    def visit(self, fetcher: str, account: str, turns: int = UNLIMITED) -> None:
        """Let a fetcher begin a visit, or continue its current one."""
        process = self.processes[fetcher]
        if process.is_done:
            self._names += 1
            runtime = self._runtime(process)
            with patch("services.fetcher.build.open_source", self._opener(process)):
                service = build_fetcher(self.configuration, runtime, name=f"{fetcher}.{self._names}")
            self.history.append(f"{fetcher} begins to visit {account}")
            process.start(service.visit_once([account]), may_fail=True)
        self.run(fetcher, turns)

    def run(self, name: str, turns: int = UNLIMITED, which: int = 0) -> int:
        """Let a process have at most so many effects. Return how many it had."""
        process = self.processes[name]
        for turn in range(turns):
            if not process.pending:
                return turn
            self.history.append(f"{name}: {process.step(which=which)}")
        return turns

    def run_until(self, name: str, what: str) -> None:
        """Run a process until the name of its next effect begins with `what`."""
        while not self.processes[name].pending[0].startswith(what):
            self.run(name, 1)

    def step_with(self, name: str, outcome: Outcome, which: int = 0) -> None:
        """Let a process have one effect with a bad outcome."""
        process = self.processes[name]
        if process.pending:
            self.history.append(f"{name}: {process.step(outcome, which)}")

    def kill(self, name: str) -> None:
        """Kill a process, and start it again."""
        self.processes[name].kill()
        self.history.append(f"{name} is killed")
        self._start(name)

    def delete_at_source(self, account: str) -> None:
        """Delete the oldest mail at its source, as its reader may do."""
        maildrop = self.maildrops[account]
        if maildrop.mails:
            mail = maildrop.mails.pop(next(iter(maildrop.mails)))
            self.oracle.unwanted.add(mail.tag)
            self.history.append(f"a reader deletes {mail.tag} at {account}")

    def retry_parked(self, place: int = 0) -> None:
        """Retry a parked mail, as an operator may do."""
        parked = self.loop.run(self.store.parked())
        if parked:
            chosen = parked[place % len(parked)]
            address = chosen.recipient.address
            destination = None if address else POSTMASTER
            self.oracle.record_retry(chosen.message, address, destination)
            self.loop.run(
                self.store.retry_parked(chosen.message.id, [address], destination, None, self.clock.now())
            )
            self.history.append(f"an operator retries {chosen.message.message_id} for {address}")

    def discard_parked(self, place: int = 0) -> None:
        """Discard a parked mail, as an operator may do."""
        parked = self.loop.run(self.store.parked())
        if parked:
            chosen = parked[place % len(parked)]
            address = chosen.recipient.address
            self.oracle.record_discard(chosen.message, address)
            self.loop.run(self.store.discard_parked(chosen.message.id, [address], self.clock.now()))
            self.history.append(f"an operator discards {chosen.message.message_id} for {address}")

    def wipe_broker(self) -> None:
        """Remove all events from the broker."""
        self.broker.wipe()
        self.history.append("the broker is wiped")

    def restore(self, backup: sqlite3.Connection) -> None:
        """Restore the database. What left its source meanwhile is unknown to it."""
        self.database.restore(backup)
        present = [maildrop.mails.values() for maildrop in self.maildrops.values()]
        self.oracle.forget(chain.from_iterable(present))
        self.history.append("yesterday's database is restored")

    def confirm_epoch(self) -> None:
        """Allow deletion again if it is paused, as an operator may do."""
        epoch = self.loop.run(self.store.epoch())
        if epoch.paused_since is not None:
            self.loop.run(self.store.confirm_epoch(epoch.mark + HIGHER))
            self.history.append("an operator confirms the epoch")

    def pass_time(self, seconds: float) -> None:
        """Move the time ahead without any effect."""
        self.history.append(f"{seconds} s pass")
        self.loop.pass_time(seconds)

    def run_all(self) -> int:
        """Let all processes have effects until none waits. Return how many."""
        turns = 0
        while had := sum(self.run(name, 20) for name in self.processes):
            turns += had
            assert turns < UNLIMITED * 10, f"the processes never become idle: {self.history[-60:]}"
        return turns

    def close(self) -> None:
        for process in self.processes.values():
            process.kill()
        self.loop.run(self.loop.shutdown_asyncgens())
        self.loop.close()
        self.database.close()

    def _start(self, name: str) -> None:
        process = self.processes[name] = Process(name, self.loop)
        if name in FETCHERS:
            return
        runtime = self._runtime(process)
        if name == "router":
            process.start(build_router(self.configuration, runtime).run(Stop()))
            return
        target_queues = ProcessTargetQueues(self.target, process, self.clock)
        with patch("services.relay.build.TargetQueues", lambda *_, **__: target_queues):
            relay = build_relay(self.configuration, runtime, name=name)
        process.start(relay.run(Stop()))

    def _opener(self, process: Process) -> OpenMetered:
        async def open_mailbox(account: Account, method: str | None, _: float, _meter: Meter) -> Opened:
            return Opened(ProcessMailbox(self.maildrops[account.id], process), method)

        return open_mailbox

    def _runtime(self, process: Process) -> Runtime:
        return Runtime(
            store=store_of(self.database, process),
            broker=ProcessBroker(self.broker, process),
            blobs=ProcessBlobs(self.blob_store, process),
            directories=FakeDirectories(),
            clock=self.clock,
            topology=self.topology,
            metrics=_metrics(),
            chance=lambda: 0.0,
            entropy=self._random.randbytes,
            cores=1,
        )


@cache
def _metrics() -> Metrics:
    """Metrics that no test reads."""
    return Metrics(CollectorRegistry(), "test")


@cache
def _configuration() -> Configuration:
    return from_mapping(_CONFIGURED, {}, Path("/nonexistent"), host_name=lambda: "ferry.corp.example")


_CONFIGURED: Mapping[str, object] = {
    "store": {"url": "sqlite:never-opened.db"},
    "fetcher": {
        "window_messages": WINDOW,
        "settle_wait": f"{SETTLE_WAIT:.0f}s",
        "inline_limit": INLINE_LIMIT,
    },
    "relay": {"retry_delays": ["60s"]},
    "leases": {"account": f"{ACCOUNT_LEASE:.0f}s", "message": f"{MESSAGE_LEASE:.0f}s"},
    "defaults": {
        "tenant": "acme",
        "password": "never used",
        "target": "exchange",
        "mailbox": "catch-all",
        "domains": {DOMAIN: "keep"},
    },
    "targets": [{"name": "exchange", "url": "smtp://target.example"}],
    "accounts": [
        {"name": "mover", "source": "pop3s://m@source.example", "unknown_recipients": POSTMASTER},
        {"name": "spooler", "source": "pop3s://s@source.example", "custody": "spool"},
        {"name": "keeper", "source": "pop3s://k@source.example", "dedup": "off", "retention": "7d"},
    ],
}
