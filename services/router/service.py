"""The router process: it resolves the recipients of fetched mails, claims them, and publishes for the relays.

Any number of routers share the queue. A batch is one transaction. The events that follow from it are
published after the commit, and only then are the deliveries acknowledged. A crash in between repeats the
batch and skips nothing.

A mail in a blob takes long to read, and a directory takes long to answer. Such mails are routed beside the
others and hold up none.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf

import structlog

from services.router.header.received import Client
from services.router.publication import NO_CLIENT, publish_routed, routed_event
from services.router.resolving.analysis import AnalysedMail
from services.router.resolving.resolver import ResolvedMail, Resolver
from shared.config import Configuration
from shared.contract.events import MessageFetched
from shared.contract.topology import ROUTER_QUEUE
from shared.custody.commands import Settled
from shared.model.target import ClientReport
from shared.ports.blobs import Blobs
from shared.ports.broker import Broker, Subscription
from shared.ports.clock import Clock
from shared.ports.directory import Directories, Directory, LookupResult
from shared.ports.store import RawMailNeeded, RouterStore, Serving
from shared.ports.tracing import NO_TRACING, Tracing
from shared.runtime.batch_policy import BatchPolicy
from shared.runtime.batch_tracing import TracedMail, traced_batch
from shared.runtime.checkpoints import reached
from shared.runtime.consumer import Consumer, Received
from shared.runtime.metrics import Metrics
from shared.runtime.registry import Registry
from shared.runtime.settlement import delete_blobs, settlement_hints
from shared.runtime.stop import Stop

IDLE_CHECK = 5.0
"""Seconds between two looks for directories that nobody uses."""
MAILS_PER_TURN = 16
"""Mails after which the event loop gets its turn, so that a large batch does not block the whole process."""
Batch = Sequence[Received[MessageFetched]]

log = structlog.get_logger("mailferry.router")


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """The router's settings. `message_lease` in seconds.

    `longest_retry`: seconds ahead at which a deferred recipient's next attempt may be due, when its mail was
    fetched again. A recipient deferred for longer is tried at once. `tracing` records the steps.
    """

    message_lease: float
    batch_policy: BatchPolicy
    longest_retry: float = inf
    tracing: Tracing = NO_TRACING


class Router:
    """Routes the mails fetched for the accounts of the registry."""

    def __init__(
        self,
        registry: Registry,
        broker: Broker,
        routings: RouterStore,
        blobs: Blobs,
        directories: Directories,
        clock: Clock,
        metrics: Metrics,
        settings: RouterSettings,
    ) -> None:
        self._registry = registry
        self._resolver = Resolver(registry.accounts, blobs, directories)
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
            settings.batch_policy,
            self._route_batch,
            clock,
            flow_of=lambda event: event.tenant,
        )

    async def run(self, stop: Stop) -> None:
        """Route until `stop` is asked for."""
        closing_idle = asyncio.ensure_future(self._close_idle_directories())
        try:
            await self._consumer.run(stop)
        finally:
            closing_idle.cancel()
            await self._directories.close()

    async def reload(self, configuration: Configuration) -> None:
        """Change nothing: accounts and targets are read from the registry."""

    async def _route_batch(self, batch: Batch, subscription: Subscription) -> None:
        """Route the mails that need no waiting. Set the others aside, grouped by what they wait for."""
        with self._metrics.router_seconds.time():
            await self._registry.load(
                [each.event.account for each in batch],
                revision=max(each.event.revision for each in batch),
            )
            done: list[Received[MessageFetched]] = []
            resolved: list[ResolvedMail] = []
            slow: dict[Directory | str, list[Received[MessageFetched]]] = defaultdict(list)
            for number, received in enumerate(batch, 1):
                if number % MAILS_PER_TURN == 0:
                    await asyncio.sleep(0)
                if received.event.payload.inline is None:
                    slow[received.event.message].append(received)
                    continue
                mail = await self._resolver.analyse(received.event)
                lookups = _cached_lookups(mail)
                if mail is not None and mail.directory is not None and lookups is None:
                    slow[mail.directory].append(received)
                    continue
                done.append(received)
                if mail is not None and (each := await self._resolver.resolve(mail, lookups or {})):
                    resolved.append(each)
            await self._finish_batch(done, resolved, subscription)
        for waiting in slow.values():
            self._consumer.handle_in_background(waiting, subscription, self._route_slowly)

    async def _route_slowly(self, batch: Batch, subscription: Subscription) -> None:
        """Route mails that all wait for the same directory, or one mail that lies in a blob."""
        mails = [mail for each in batch if (mail := await self._resolver.analyse(each.event))]
        lookups: dict[str, LookupResult] = {}
        for directory, addresses in _addresses_by_directory(mails).items():
            lookups |= await directory.look_up(addresses)
        resolved = [each for mail in mails if (each := await self._resolver.resolve(mail, lookups))]
        await self._finish_batch(batch, resolved, subscription)

    async def _finish_batch(
        self, batch: Batch, resolved: Sequence[ResolvedMail], subscription: Subscription
    ) -> None:
        """Record the resolved mails, publish what follows, and acknowledge `batch`."""
        if not batch:
            return
        latest = _latest(resolved)
        steps = [TracedMail(message, each.event.trace) for message, each in latest.items()]
        with traced_batch(self._settings.tracing, "route", steps) as traces:
            settled = await self._record_and_publish(latest, traces)
        await subscription.ack([received.delivery for received in batch])
        reached("router.acknowledged")
        await delete_blobs(self._blobs, settled)

    async def _record_and_publish(
        self, latest: dict[str, ResolvedMail], traces: Mapping[str, str]
    ) -> Sequence[Settled]:
        """Record the resolved mails and publish what follows; return what is settled by that."""
        servings, settled = await self._record(latest)
        reached("router.recorded")
        self._count(latest.values(), settled)
        events = [
            routed_event(
                latest[each.message].event,
                each,
                self._client(latest[each.message], each.target),
                self._registry.revision,
                traces.get(each.message, ""),
            )
            for each in servings
        ]
        await publish_routed(self._broker, events, settlement_hints(settled))
        reached("router.published")
        return settled

    async def _record(self, latest: dict[str, ResolvedMail]) -> tuple[Sequence[Serving], Sequence[Settled]]:
        """Record the mails.

        The store may find that a mail is to be parked. Its raw mail is stored first; where that fails, the
        mail is removed from `latest`.
        """
        while True:
            try:
                return await self._routings.record_routed(
                    [each.routed for each in latest.values()],
                    self._clock.now(),
                    self._settings.message_lease,
                    self._settings.longest_retry,
                )
            except RawMailNeeded as needed:
                for message in needed.messages:
                    stored = await self._resolver.with_stored_mail(latest.pop(message))
                    if stored is not None:
                        latest[message] = stored

    def _client(self, resolved: ResolvedMail, target: str) -> Client:
        """Return the client from which the provider received the mail, if the target wants to know it."""
        known = self._registry.targets.get(target)
        wanted = known is not None and known.delivery_options.client is not ClientReport.NONE
        return resolved.analysis.client if wanted else NO_CLIENT

    def _count(self, resolved: Collection[ResolvedMail], settled: Sequence[Settled]) -> None:
        for kind, count in Counter(each.evidence for each in resolved).items():
            self._metrics.mails_routed.labels(evidence=kind.value).inc(count)
        self._metrics.router_batches.observe(len(resolved))
        now = self._clock.now()
        for message in settled:
            self._metrics.settle_seconds.observe(max(0.0, now - message.first_fetched_at))

    async def _close_idle_directories(self) -> None:
        while True:
            await self._clock.sleep(IDLE_CHECK)
            await self._directories.close_idle()


def _cached_lookups(mail: AnalysedMail | None) -> Mapping[str, LookupResult] | None:
    """Return what is known about the mail's recipients without waiting; None where somebody must be asked."""
    if mail is None or mail.directory is None:
        return {}
    return mail.directory.look_up_cached(mail.to_check)


def _addresses_by_directory(mails: Sequence[AnalysedMail]) -> dict[Directory, list[str]]:
    """Return the addresses to look up, each once, by directory."""
    questions: dict[Directory, dict[str, None]] = defaultdict(dict)
    for mail in mails:
        if mail.directory is not None:
            questions[mail.directory] |= dict.fromkeys(mail.to_check)
    return {directory: [*addresses] for directory, addresses in questions.items()}


def _latest(resolved: Sequence[ResolvedMail]) -> dict[str, ResolvedMail]:
    """Return one entry per mail: a redelivered older event may come after the newer one."""
    latest: dict[str, ResolvedMail] = {}
    for each in resolved:
        known = latest.get(each.routed.message)
        if known is None or known.routed.fetch_no < each.routed.fetch_no:
            latest[each.routed.message] = each
    return latest
