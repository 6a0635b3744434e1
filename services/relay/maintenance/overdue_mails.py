"""Publishes mails in blobs again whose event was lost: deferred ones, and parked ones that are to be retried.

Publishing one too often is harmless, as the number of the attempt decides.
"""

from __future__ import annotations

from itertools import chain

import structlog

from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageRouted, Payload, RoutedRecipient
from shared.contract.topology import ROUTED_KEY
from shared.custody.state import Message, Recipient
from shared.model.errors import MailferryError
from shared.model.message import DUE, RecipientStatus
from shared.ports.broker import Broker, Publication
from shared.ports.clock import Clock
from shared.ports.store import MaintenanceStore
from shared.runtime.checkpoints import reached

INTERVAL = 2.0
BATCH = 100
REPUBLISH_AFTER = 30.0
"""Seconds. Within these, a relay has received the event; a busy target gets no second event meanwhile."""

log = structlog.get_logger("mailferry.relay")


class OverdueMails:
    """Publishes overdue mails now and then. `lease`: the message lease in seconds."""

    def __init__(self, deliveries: MaintenanceStore, broker: Broker, clock: Clock, lease: float) -> None:
        self._deliveries = deliveries
        self._broker = broker
        self._clock = clock
        self._lease = lease
        self._published: dict[tuple[str, int], float] = {}

    async def run(self) -> None:
        """Publish overdue mails, until cancelled."""
        while True:
            try:
                await self.publish_overdue()
            except MailferryError as error:
                log.warning("overdue mails not published", error=error)
            await self._clock.sleep(INTERVAL)

    async def publish_overdue(self) -> int:
        """Publish the mails that are overdue now; return how many."""
        now = self._clock.monotonic()
        self._published = {key: at for key, at in self._published.items() if at > now - REPUBLISH_AFTER}
        limit = BATCH + len(self._published)
        found = await self._deliveries.overdue_messages(self._clock.now(), self._lease, limit)
        messages = [each for each in found if _attempts(each) not in self._published]
        publications = [each for message in messages if (each := _publications(message))]
        if publications:
            await self._broker.publish(list(chain.from_iterable(publications)))
            reached("relay.overdue-published")
        self._published |= dict.fromkeys(map(_attempts, messages), now)
        return len(publications)


def _publications(message: Message) -> list[Publication]:
    """Return the publications of a message; none if a bug prevents it, so that it holds up no other."""
    try:
        return [
            Publication(ROUTED_KEY, EVENT_CODEC.encode_event(event), flow=event.tenant)
            for event in events(message)
        ]
    except Exception:
        log.exception("overdue mail not published", message=message.id, account=message.account)
        return []


def _attempts(message: Message) -> tuple[str, int]:
    """Return the message and its number of attempts, which changes once the event is received."""
    return message.id, sum(each.attempt for each in message.recipients.values())


def events(message: Message) -> list[MessageRouted]:
    """Return the events for the due recipients of a message in a blob: one for each target."""
    by_target: dict[str, list[Recipient]] = {}
    for recipient in message.recipients.values():
        if recipient.status in DUE or _may_be_abandoned(recipient):
            by_target.setdefault(recipient.target, []).append(recipient)
    return [
        MessageRouted(
            message=message.id,
            tenant=message.tenant,
            account=message.account,
            fetch_no=message.fetch_no,
            target=target,
            reverse_path=message.reverse_path,
            recipients=tuple(
                RoutedRecipient(address=each.address, destination=each.destination, attempt=each.attempt)
                for each in recipients
            ),
            fetched_at=message.first_fetched_at,
            payload=Payload(octets=message.octets, blob=message.blob),
        )
        for target, recipients in by_target.items()
    ]


def _may_be_abandoned(recipient: Recipient) -> bool:
    """Whether it is an attempt that an operator asked for; the store knows when its lease is over."""
    return recipient.status is RecipientStatus.ATTEMPTING and recipient.next_attempt_at is not None
