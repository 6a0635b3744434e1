"""The small world: three accounts, two fetchers, a router, two relays, and what can happen to them."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Mapping, Sequence
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
from shared.ports.store import Schedule
from shared.ports.tokens import NO_GRANTS, GrantTokens
from shared.runtime.metrics import Metrics
from shared.runtime.runtime import Runtime
from shared.runtime.stop import Stop
from tests.fakes.directory import FakeDirectories
from tests.fakes.registry import registry_of
from tests.fakes.world.blobs import BlobsInTurn, Shelf
from tests.fakes.world.broker import BrokerInTurn, PlayedBroker
from tests.fakes.world.database import MemoryDatabase, store_of
from tests.fakes.world.imap_source import ImapMailboxInTurn, ImapMaildrop
from tests.fakes.world.letters import DOMAIN, POSTMASTER, Letter
from tests.fakes.world.oracle import Oracle
from tests.fakes.world.process import EffectFault, Process, make_task
from tests.fakes.world.source import MailboxInTurn, Maildrop
from tests.fakes.world.target import PlayedTarget, PoolsInTurn
from tests.fakes.world.time import StillClock, StillLoop

MOVER, KEEPER, SPOOLER = ACCOUNTS = ("acme/mover", "acme/keeper", "acme/spooler")
IMAP_MOVER, IMAP_KEEPER = IMAP_ACCOUNTS = ("acme/imap-mover", "acme/imap-keeper")
COPIES_ARE_MAILS = (KEEPER, IMAP_KEEPER)
"""The accounts with `dedup = "off"`."""
FETCHERS = ("fetcher-1", "fetcher-2")
SERVICES = ("router", "relay-1", "relay-2")
MESSAGE_LEASE, ACCOUNT_LEASE, RETENTION, PATIENCE = 900.0, 60.0, 7 * 86400.0, 5.0
WINDOW = 3
INLINE_LIMIT = 1000
ALL_TURNS = 1000
HIGHER = 1_000_000
"""Above every mark that a backup marker can have."""


class World:
    """Nothing happens in it but what the test does. `history` lists that, for people.

    Only mailboxes of `accounts` are in it.
    """

    def __init__(self, accounts: Sequence[str] = ACCOUNTS) -> None:
        self.loop = StillLoop()
        self.loop.set_task_factory(make_task)
        self.clock = StillClock(self.loop)
        self.configuration = _configuration()
        self.database = MemoryDatabase()
        self.topology = topology(self.configuration.relay.retry_delays)
        self.broker = PlayedBroker(self.topology, self.loop)
        self.shelf = Shelf()
        self.target = PlayedTarget()
        self.archive = store_of(self.database)
        self.oracle = Oracle(self.database, self.shelf, self.target)
        self.maildrops: dict[str, Maildrop | ImapMaildrop] = {
            name: ImapMaildrop(self.oracle.removed)
            if name in IMAP_ACCOUNTS
            else Maildrop(self.oracle.removed, consumes=name == SPOOLER)
            for name in accounts
        }
        self.processes: dict[str, Process] = {}
        self.history: list[str] = []
        self._random = random.Random(1)
        self._names = 0
        self._add_accounts()
        for name in (*FETCHERS, *SERVICES):
            self._start(name)

    def arrive(self, account: str, letter: Letter, *, under_a_used_uid: bool = False) -> None:
        """Let a mail arrive at its source."""
        nobody = POSTMASTER if account in (MOVER, IMAP_MOVER) else NOBODY
        letter = letter._replace(wanted=letter.wanted or (nobody,))
        self.oracle.expect(
            letter, group=f"only {letter.tag}" if account in COPIES_ARE_MAILS else letter.identity
        )
        self.maildrops[account].put(letter, under_a_used_uid=under_a_used_uid)
        self.history.append(f"{letter.tag} arrives at {account}")

    def visit(self, fetcher: str, account: str, turns: int = ALL_TURNS) -> None:
        """Let a fetcher begin a visit, or go on with the one it is at."""
        process = self.processes[fetcher]
        if process.is_done:
            self._names += 1
            around = self._around(process)
            with patch("services.fetcher.build.open_source", self._opener(process)):
                service = build_fetcher(self.configuration, around, name=f"{fetcher}.{self._names}")
            self.history.append(f"{fetcher} begins to visit {account}")
            process.start(service.visit_once([account]), may_fail=True)
        self.run(fetcher, turns)

    def run(self, name: str, turns: int = ALL_TURNS, which: int = 0) -> int:
        """Let a process have so many effects, or as many as it wants. Return how many it had."""
        process = self.processes[name]
        for turn in range(turns):
            if not process.about_to:
                return turn
            self.history.append(f"{name}: {process.grant(which=which)}")
        return turns

    def run_until(self, name: str, what: str) -> None:
        """Let a process go on until the next effect's description begins with `what`."""
        while not self.processes[name].about_to[0].startswith(what):
            self.run(name, 1)

    def fail_effect(self, name: str, fault: EffectFault, which: int = 0) -> None:
        """Let a process have one effect that fails."""
        process = self.processes[name]
        if process.about_to:
            self.history.append(f"{name}: {process.grant(fault, which)}")

    def kill(self, name: str) -> None:
        """End a process at once, and start it again."""
        self.processes[name].kill()
        self.history.append(f"{name} is killed")
        self._start(name)

    def take_away(self, account: str) -> None:
        """Delete the oldest mail at its source, as somebody who does not want it."""
        letter = self.maildrops[account].take_away()
        if letter is not None:
            self.oracle.unwanted.add(letter.tag)
            self.history.append(f"somebody takes {letter.tag} away from {account}")

    def imap(self, account: str) -> ImapMaildrop:
        """Return an account's mailbox at the IMAP server."""
        maildrop = self.maildrops[account]
        assert isinstance(maildrop, ImapMaildrop)
        return maildrop

    def retry_parked(self, place: int = 0) -> None:
        """An operator has a parked mail retried."""
        parked = self.loop.complete(self.archive.operator.parked_recipients())
        if parked:
            chosen = parked[place % len(parked)]
            address = chosen.recipient.address
            destination = None if address else POSTMASTER
            self.oracle.retried(chosen.message, address, destination)
            self.loop.complete(
                self.archive.operator.retry_parked(
                    chosen.message.id, [address], destination, None, self.clock.now()
                )
            )
            self.history.append(f"an operator retries {chosen.message.message_id} for {address}")

    def discard_parked(self, place: int = 0) -> None:
        """An operator gives a parked mail up."""
        parked = self.loop.complete(self.archive.operator.parked_recipients())
        if parked:
            chosen = parked[place % len(parked)]
            address = chosen.recipient.address
            self.oracle.discarded(chosen.message, address)
            self.loop.complete(
                self.archive.operator.discard_parked(chosen.message.id, [address], self.clock.now())
            )
            self.history.append(f"an operator discards {chosen.message.message_id} for {address}")

    def wipe_broker(self) -> None:
        """Let the broker lose everything."""
        self.broker.wipe()
        self.history.append("the broker is wiped")

    def restore(self, backup: sqlite3.Connection) -> None:
        """Restore the database. What left its source since the backup, or is about to, is forgotten."""
        self.database.restore(backup)
        present = [maildrop.staying for maildrop in self.maildrops.values()]
        self.oracle.forgets(chain.from_iterable(present))
        self.history.append("yesterday's database is restored")

    def confirm_epoch(self) -> None:
        """An operator allows deletion again, if it is paused."""
        epoch = self.loop.complete(self.archive.operator.epoch())
        if epoch.paused_since is not None:
            self.loop.complete(self.archive.operator.confirm_epoch(epoch.mark + HIGHER))
            self.history.append("an operator confirms the epoch")

    def pass_time(self, seconds: float) -> None:
        """Let time pass without effects."""
        self.history.append(f"{seconds} s pass")
        self.loop.pass_time(seconds)

    def run_all(self) -> int:
        """Let all processes have all the effects they want. Return how many there were."""
        turns = 0
        while had := sum(self.run(name, 20) for name in self.processes):
            turns += had
            assert turns < ALL_TURNS * 10, f"they never come to rest: {self.history[-60:]}"
        return turns

    def close(self) -> None:
        for process in self.processes.values():
            process.kill()
        self.loop.complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        self.database.close()

    def _add_accounts(self) -> None:
        """Enter the accounts into the database, as an operator does by applying a file."""
        accounts = self.configuration.accounts.values()
        schedules = [Schedule(each.id, each.retry_times.poll.longest, enabled=True) for each in accounts]
        self.loop.complete(self.archive.fetcher.sync_accounts(schedules, self.clock.now()))

    def _start(self, name: str) -> None:
        process = self.processes[name] = Process(name, self.loop)
        if name in FETCHERS:
            return
        around = self._around(process)
        if name == "router":
            process.start(build_router(self.configuration, around).run(Stop()))
            return
        pools = PoolsInTurn(self.target, process, self.clock)
        with patch("services.relay.build.TargetPools", lambda *_, **__: pools):
            relay = build_relay(self.configuration, around, name=name)
        process.start(relay.run(Stop()))

    def _opener(self, process: Process) -> OpenMetered:
        async def open_mailbox(
            account: Account, method: str | None, _: float, _meter: Meter, grants: GrantTokens = NO_GRANTS
        ) -> Opened:
            maildrop = self.maildrops[account.id]
            if isinstance(maildrop, ImapMaildrop):
                return Opened(ImapMailboxInTurn(maildrop, process), method)
            return Opened(MailboxInTurn(maildrop, process), method)

        return open_mailbox

    def _around(self, process: Process) -> Runtime:
        return Runtime(
            store=store_of(self.database, process),
            registry=registry_of(
                self.configuration.accounts.values(), self.configuration.targets.values(), clock=self.clock
            ),
            broker=BrokerInTurn(self.broker, process),
            blobs=BlobsInTurn(self.shelf, process),
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
    """Return metrics that nobody reads."""
    return Metrics(CollectorRegistry(), "test")


@cache
def _configuration() -> Configuration:
    return from_mapping(_CONFIGURED, {}, Path("/nonexistent"), host_name=lambda: "ferry.corp.example")


_CONFIGURED: Mapping[str, object] = {
    "store": {"url": "sqlite:never-opened.db"},
    "fetcher": {"window_messages": WINDOW, "settle_wait": f"{PATIENCE:.0f}s", "inline_limit": INLINE_LIMIT},
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
        {"name": "imap-mover", "source": "pop3s://im@source.example", "unknown_recipients": POSTMASTER},
        {"name": "imap-keeper", "source": "pop3s://ik@source.example", "dedup": "off", "retention": "7d"},
    ],
}
