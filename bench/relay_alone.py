"""The process that `bench.relay` measures: a real relay between a feed and a ledger that cost nearly nothing.

`python -m bench.relay_alone PORT MAILS OCTETS CONNECTIONS` delivers MAILS mails of OCTETS to the SMTP server
on PORT and writes what it took as JSON. Events are fed as bytes, as from RabbitMQ, so decoding them counts.
Mails that do not fit into an event lie in a blob.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import uvloop
from prometheus_client import CollectorRegistry

from bench.mails import mail
from services.relay.build import build_relay
from shared.adapters.directories import ConfiguredDirectories
from shared.adapters.file_blobs import FileBlobs
from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.system_clock import SystemClock
from shared.config import Configuration
from shared.config.loading import from_mapping
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageRouted, Payload, RoutedRecipient
from shared.contract.topology import ROUTED_KEY, topology
from shared.custody.commands import Attempt, Outcomes
from shared.custody.state import Message, Recipient
from shared.model.message import RecipientStatus
from shared.ports.blobs import Blobs
from shared.ports.broker import Publication
from shared.ports.store import Begun, Concluded, RegistryStore, Serving, Store, TargetFact
from shared.runtime.garbage_collection import tune_garbage_collector
from shared.runtime.metrics import Metrics
from shared.runtime.registry import Registry
from shared.runtime.runtime import Runtime
from shared.runtime.secret_box import KeyedBox
from shared.runtime.stop import Stop

INLINE_LIMIT = 256 * 1024
PIECE = b"A line of a mail that is too large to be held in memory as a whole by a relay..\r\n" * 3000
ACCOUNT = "bench/inbox"
BLOB = "large"
DIFFERENT = 1000
"""Different mails. After these they repeat."""


class Agreeable:
    """A ledger that allows every attempt and counts the outcomes."""

    def __init__(self, mails: int) -> None:
        self.left = mails
        self.delivered = 0
        self.done = asyncio.Event()

    async def begin_attempts(self, wishes: Sequence[Attempt], now: float, lease: float) -> Begun:
        """Every wish is fulfilled."""
        servings = [Serving(each.message, "sink", "sender@sender.test", _attempting(each)) for each in wishes]
        return Begun(servings, [])

    async def end_attempts(self, wishes: Sequence[Outcomes], now: float, lease: float) -> Concluded:
        """Count."""
        for wish in wishes:
            self.delivered += sum(each.status is RecipientStatus.DELIVERED for each, _ in wish.outcomes)
        self.left -= len(wishes)
        if self.left <= 0:
            self.done.set()
        return Concluded(())

    async def overdue_messages(self, now: float, patience: float, limit: int) -> Sequence[Message]:
        """Nothing is."""
        return []

    async def target_facts(self, now: float) -> Sequence[TargetFact]:
        """None is known."""
        return []


def _attempting(wish: Attempt) -> tuple[Recipient, ...]:
    return tuple(
        Recipient(address, address, address, "", RecipientStatus.ATTEMPTING, "sink", attempt=attempt + 1)
        for address, attempt in wish.recipients
    )


def _events(mails: int, octets: int) -> Iterator[Publication]:
    for number in range(mails):
        raw = mail(number, "bob", min(octets, INLINE_LIMIT))
        large = Payload(octets=octets, blob=BLOB)
        event = MessageRouted(
            message=f"01JDM{number:021d}",
            tenant="bench",
            account=ACCOUNT,
            fetch_no=1,
            target="sink",
            reverse_path="sender@sender.test",
            recipients=(RoutedRecipient(address="bob@here.test", destination="bob@here.test", attempt=0),),
            fetched_at=1.0e9,
            payload=large if octets > INLINE_LIMIT else Payload(octets=len(raw), inline=raw),
        )
        yield Publication(ROUTED_KEY, EVENT_CODEC.encode(event))


async def _write_blob(blobs: Blobs, octets: int) -> None:
    writer = await blobs.create(BLOB)
    await writer.write(b"Subject: large\r\n\r\n")
    for _ in range(octets // len(PIECE)):
        await writer.write(PIECE)
    await writer.commit(durable=False)


def _registry(configuration: Configuration, clock: SystemClock) -> Registry:
    """The one target, and the account as one that is not there."""
    registry = Registry(cast(RegistryStore, None), KeyedBox(None), clock, {})
    for name, target in configuration.targets.items():
        registry.targets.put(name, target)
    registry.accounts.put(ACCOUNT, None)
    return registry


async def _deliver(port: int, mails: int, octets: int, connections: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as work:
        target = {"name": "sink", "url": f"smtp://127.0.0.1:{port}", "tls": "off", "connections": connections}
        configuration = from_mapping({"targets": [target]}, {}, Path(work), host_name=lambda: "bench.test")
        clock, plan = SystemClock(), topology(configuration.relay.retry_delays)
        ledger, broker = Agreeable(mails), MemoryBroker(plan, clock)
        around = Runtime(
            store=cast(Store, SimpleNamespace(relay=ledger, maintenance=ledger)),  # what a relay uses
            registry=_registry(configuration, clock),
            broker=broker,
            blobs=FileBlobs(Path(work)),
            directories=ConfiguredDirectories(
                {}, helo_name="bench.test", clock=clock, entropy=random.randbytes
            ),
            clock=clock,
            topology=plan,
            metrics=Metrics(CollectorRegistry(), "bench"),
            chance=random.random,
            entropy=random.randbytes,
            cores=1,
        )
        stop = Stop()
        if octets > INLINE_LIMIT:
            await _write_blob(around.blobs, octets)
        events = list(_events(min(mails, DIFFERENT), octets))
        for _ in range(mails // len(events)):
            await broker.publish(events)
        cpu, started = _cpu(), time.perf_counter()
        relay = asyncio.ensure_future(build_relay(configuration, around, name="bench").run(stop))
        await ledger.done.wait()
        taken = {"seconds": time.perf_counter() - started, "cpu": _cpu() - cpu}
        stop.request("the mails are delivered")
        await relay
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {**taken, "mails": ledger.delivered, "peak": peak}


def _cpu() -> float:
    used = os.times()
    return used.user + used.system


if __name__ == "__main__":
    tune_garbage_collector()
    sys.stdout.write(json.dumps(uvloop.run(_deliver(*map(int, sys.argv[1:])))) + "\n")
