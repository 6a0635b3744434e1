"""The router process: resolves the recipients of fetched mails, claims them, and tells the relays.

Any number of routers share the queue. A batch is one transaction; what it leads to is published after the
commit, and only then are the deliveries acknowledged, so that a crash in between repeats the batch and
nothing is skipped. Mails that lie in blobs, and those of whose recipients it has to be asked whether they
exist, are routed beside the others and hold up none.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from types import MappingProxyType

import structlog

from services.router.announcing import UNTOLD, announce, routed_event
from services.router.header.hop import Client
from services.router.resolving.resolver import Examined, Resolved, Resolver
from shared.config import Configuration
from shared.contract.events import MessageFetched
from shared.contract.topology import ROUTER_QUEUE
from shared.custody.commands import Settled
from shared.model.account import Account
from shared.model.target import ClientReport, Target
from shared.ports.blobs import Blobs
from shared.ports.broker import Broker, Subscription
from shared.ports.clock import Clock
from shared.ports.directory import Directories, Directory, Finding
from shared.ports.store import RawMailNeeded, Routings, Serving
from shared.runtime.batch_policy import BatchPolicy
from shared.runtime.checkpoints import reached
from shared.runtime.consumer import Consumer, Received
from shared.runtime.metrics import Metrics
from shared.runtime.settlement import delete_blobs, settlement_hints
from shared.runtime.stop import Stop

IDLE_CHECK = 5.0
BREATH = 16
"""Mails after which the event loop gets its turn: who has much is not to hold up all else in the process."""
Batch = Sequence[Received[MessageFetched]]
NO_TARGETS: Mapping[str, Target] = MappingProxyType({})

log = structlog.get_logger("mailferry.router")


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """`message_lease` in seconds; `longest_retry` is how many seconds ahead the next attempt at a mail that
    comes again may be due: who was deferred for longer is tried at once.
    """

    message_lease: float
    appetite: BatchPolicy
    longest_retry: float = inf


class Router:
    """Routes what is fetched for `accounts`; `targets` tell which of them hear of the original client."""

    def __init__(
        self,
        accounts: Mapping[str, Account],
        broker: Broker,
        routings: Routings,
        blobs: Blobs,
        directories: Directories,
        clock: Clock,
        metrics: Metrics,
        settings: RouterSettings,
    ) -> None:
        self.targets: Mapping[str, Target] = NO_TARGETS
        self._resolver = Resolver(accounts, blobs, directories)
        self._broker = broker
        self._routings = routings
        self._blobs = blobs
        self._directories = directories
        self._clock = clock
        self._metrics = metrics
        self._settings = settings
        self._consumer = Consumer(
            broker,
            ROUTER_QUEUE,
            MessageFetched,
            settings.appetite,
            self._handle,
            clock,
            flow_of=lambda event: event.tenant,
        )

    async def run(self, stop: Stop) -> None:
        """Route until `stop` is asked for."""
        tidying = asyncio.ensure_future(self._tidy())
        try:
            await self._consumer.run(stop)
        finally:
            tidying.cancel()
            await self._directories.close()

    async def reload(self, configuration: Configuration) -> None:
        """Route by the accounts and targets of another configuration from the next batch on."""
        self._resolver.accounts = configuration.accounts
        self.targets = configuration.targets
        await self._directories.change(configuration.targets)

    async def _handle(self, batch: Batch, subscription: Subscription) -> None:
        """Route what can be routed at once, and set the rest aside, by what it has to wait for."""
        with self._metrics.router_seconds.time():
            done: list[Received[MessageFetched]] = []
            resolved: list[Resolved] = []
            aside: dict[Directory | str, list[Received[MessageFetched]]] = defaultdict(list)
            for number, received in enumerate(batch, 1):
                if number % BREATH == 0:
                    await asyncio.sleep(0)
                if received.event.payload.inline is None:
                    aside[received.event.message].append(received)
                    continue
                mail = await self._resolver.examined(received.event)
                findings = _at_hand(mail)
                if mail is not None and mail.directory is not None and findings is None:
                    aside[mail.directory].append(received)
                    continue
                done.append(received)
                if mail is not None and (each := await self._resolver.resolved(mail, findings or {})):
                    resolved.append(each)
            await self._conclude(done, resolved, subscription)
        for waiting in aside.values():
            self._consumer.set_aside(waiting, subscription, self._handle_slowly)

    async def _handle_slowly(self, batch: Batch, subscription: Subscription) -> None:
        """Read and ask as long as it takes. All of `batch` wait for the same directory, or are one mail."""
        mails = [mail for each in batch if (mail := await self._resolver.examined(each.event))]
        findings: dict[str, Finding] = {}
        for directory, addresses in _questions(mails).items():
            findings |= await directory.look_up(addresses)
        resolved = [each for mail in mails if (each := await self._resolver.resolved(mail, findings))]
        await self._conclude(batch, resolved, subscription)

    async def _conclude(self, batch: Batch, resolved: Sequence[Resolved], subscription: Subscription) -> None:
        """Record, publish and acknowledge what `batch` led to."""
        if not batch:
            return
        latest = _latest(resolved)
        servings, settled = await self._record(latest)
        reached("router.recorded")
        self._count(latest.values(), settled)
        events = [
            routed_event(latest[each.message].event, each, self._client(latest[each.message], each.target))
            for each in servings
        ]
        await announce(self._broker, events, settlement_hints(settled))
        reached("router.published")
        await subscription.ack([received.delivery for received in batch])
        reached("router.acknowledged")
        await delete_blobs(self._blobs, settled)

    async def _record(self, latest: dict[str, Resolved]) -> tuple[Sequence[Serving], Sequence[Settled]]:
        """Record the mails. One that turns out to be parked is kept safe first; where that fails, it is taken
        out of `latest`.
        """
        while True:
            try:
                return await self._routings.record_routed(
                    [each.mail for each in latest.values()],
                    self._clock.now(),
                    self._settings.message_lease,
                    self._settings.longest_retry,
                )
            except RawMailNeeded as needed:
                for message in needed.messages:
                    safe = await self._resolver.kept_safe(latest.pop(message))
                    if safe is not None:
                        latest[message] = safe

    def _client(self, resolved: Resolved, target: str) -> Client:
        """Whom the mail is from, where the target is to be told."""
        known = self.targets.get(target)
        wanted = known is not None and known.delivery_options.client is not ClientReport.NONE
        return resolved.examination.client if wanted else UNTOLD

    def _count(self, resolved: Collection[Resolved], settled: Sequence[Settled]) -> None:
        for kind, count in Counter(each.evidence for each in resolved).items():
            self._metrics.mails_routed.labels(evidence=kind.value).inc(count)
        self._metrics.router_batches.observe(len(resolved))
        now = self._clock.now()
        for message in settled:
            self._metrics.settle_seconds.observe(max(0.0, now - message.first_fetched_at))

    async def _tidy(self) -> None:
        while True:
            await self._clock.sleep(IDLE_CHECK)
            await self._directories.tidy()


def _at_hand(mail: Examined | None) -> Mapping[str, Finding] | None:
    """What is known about the recipients of a mail without waiting; None where somebody has to be asked."""
    if mail is None or mail.directory is None:
        return {}
    return mail.directory.at_hand(mail.to_check)


def _questions(mails: Sequence[Examined]) -> dict[Directory, list[str]]:
    """The recipients to be asked about, each once, by who is asked."""
    questions: dict[Directory, dict[str, None]] = defaultdict(dict)
    for mail in mails:
        if mail.directory is not None:
            questions[mail.directory] |= dict.fromkeys(mail.to_check)
    return {directory: [*addresses] for directory, addresses in questions.items()}


def _latest(resolved: Sequence[Resolved]) -> dict[str, Resolved]:
    """One for each mail; an older event that is redelivered may come after the one that overtook it."""
    latest: dict[str, Resolved] = {}
    for each in resolved:
        known = latest.get(each.mail.message)
        if known is None or known.mail.fetch_no < each.mail.fetch_no:
            latest[each.mail.message] = each
    return latest
