"""The router process: resolves the recipients of fetched mails, claims them, and tells the relays.

Any number of routers share the queue. A batch is one transaction; what it leads to is published after the
commit, and only then are the deliveries acknowledged, so that a crash in between repeats the batch and
nothing is skipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from services.router.evidence import EvidenceClass
from services.router.reading import Reading, read_mail
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageFetched, MessageRouted, RoutedRecipient
from shared.contract.topology import ROUTED_KEY, ROUTER_QUEUE
from shared.custody.commands import ChosenRecipient, RoutedMail, Settled
from shared.model.account import Account
from shared.model.errors import MailferryError
from shared.ops.checkpoints import reached
from shared.ops.config import Configuration
from shared.ops.consuming import Appetite, Consumer, Received
from shared.ops.metrics import Metrics
from shared.ops.safekeeping import keep_safe
from shared.ops.settlement import hints, release_blobs
from shared.ops.stopping import Stop
from shared.ports.blobs import Blobs
from shared.ports.broker import Broker, Publication, Subscription
from shared.ports.clock import Clock
from shared.ports.store import Routings, Serving

log = structlog.get_logger("mailferry.router")


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """`message_lease` in seconds."""

    message_lease: float
    appetite: Appetite


@dataclass(slots=True)
class Router:
    """Routes what is fetched for `accounts`."""

    accounts: Mapping[str, Account]
    broker: Broker
    routings: Routings
    blobs: Blobs
    clock: Clock
    metrics: Metrics
    settings: RouterSettings

    async def run(self, stop: Stop) -> None:
        """Route until `stop` is asked for."""
        consumer = Consumer(
            self.broker, ROUTER_QUEUE, MessageFetched, self.settings.appetite, self._handle, self.clock
        )
        await consumer.run(stop)

    async def reload(self, configuration: Configuration) -> None:
        """Route by the accounts of another configuration from the next batch on."""
        self.accounts = configuration.accounts

    async def _handle(self, batch: Sequence[Received[MessageFetched]], subscription: Subscription) -> None:
        with self.metrics.router_seconds.time():
            await self._route(batch, subscription)

    async def _route(self, batch: Sequence[Received[MessageFetched]], subscription: Subscription) -> None:
        wishes: list[RoutedMail] = []
        events: dict[str, MessageFetched] = {}
        evidence: Counter[EvidenceClass] = Counter()
        for event in _latest(batch):
            resolved = await self._resolve(event)
            if resolved is not None:
                mail, kind = resolved
                wishes.append(mail)
                events[mail.message] = event
                evidence[kind] += 1
        for kind, count in evidence.items():
            self.metrics.mails_routed.labels(evidence=kind.value).inc(count)
        self.metrics.router_batches.observe(len(wishes))
        servings, settled = await self.routings.record_routed(
            wishes, self.clock.now(), self.settings.message_lease
        )
        reached("router.recorded")
        await self._publish(servings, settled, events)
        reached("router.published")
        await subscription.ack([received.delivery for received in batch])
        reached("router.acknowledged")
        await release_blobs(self.blobs, settled)

    async def _resolve(self, event: MessageFetched) -> tuple[RoutedMail, EvidenceClass] | None:
        """What to record, and the class of evidence that decided.

        None for a mail that cannot be read or kept safe now: it comes again when its lease has run out.
        """
        account = self.accounts.get(event.account)
        if account is None:
            log.warning(
                "mail of an unknown account left to its lease", account=event.account, message=event.message
            )
            return None
        try:
            reading = await read_mail(event, account, self.blobs)
            return await self._wish(event, account, reading), reading.examination.evidence.kind
        except MailferryError as error:
            log.warning("mail left to its lease", message=event.message, error=error)
            return None
        except Exception:
            log.exception("mail left to its lease, over a mistake in Mailferry", message=event.message)
            return None

    async def _wish(self, event: MessageFetched, account: Account, reading: Reading) -> RoutedMail:
        examination = reading.examination
        resolution = examination.resolution
        return RoutedMail(
            message=event.message,
            fetch_no=event.fetch_no,
            identity=reading.identity,
            message_id=examination.message_id,
            reverse_path=examination.reverse_path,
            target=account.target,
            evidence=resolution.evidence,
            recipients=tuple(
                ChosenRecipient(each.address, each.original, each.reason) for each in resolution.recipients
            ),
            rejected=tuple(f"{each.value}: {each.reason}" for each in resolution.rejected),
            park_reason=resolution.park_reason,
            blob=await keep_safe(self.blobs, event.message, event.payload)
            if resolution.park_reason
            else None,
        )

    async def _publish(
        self, servings: Sequence[Serving], settled: Sequence[Settled], events: Mapping[str, MessageFetched]
    ) -> None:
        publications = [
            Publication(ROUTED_KEY, EVENT_CODEC.encode_event(routed_event(events[each.message], each)))
            for each in servings
        ]
        await self.broker.publish([*publications, *hints(settled)])


def _latest(batch: Sequence[Received[MessageFetched]]) -> Sequence[MessageFetched]:
    """One event for each mail; an older one that is redelivered may come after the one that overtook it."""
    latest: dict[str, MessageFetched] = {}
    for received in batch:
        event = received.event
        known = latest.get(event.message)
        if known is None or known.fetch_no < event.fetch_no:
            latest[event.message] = event
    return [*latest.values()]


def routed_event(event: MessageFetched, serving: Serving) -> MessageRouted:
    """The event for the relays: the mail as it was fetched, and who is to be served."""
    return MessageRouted(
        message=event.message,
        tenant=event.tenant,
        account=event.account,
        fetch_no=event.fetch_no,
        target=serving.target,
        reverse_path=serving.reverse_path,
        recipients=tuple(
            RoutedRecipient(address=each.address, destination=each.destination, attempt=each.attempt)
            for each in serving.recipients
        ),
        fetched_at=event.fetched_at,
        payload=event.payload,
    )
