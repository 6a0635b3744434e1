"""Mails held in blobs whose event is not under way: parked ones that an operator wants retried, and lost
deferrals.

They are published again from the blob. Publishing one too often is harmless: the attempt's number decides.
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
TAKEN_UP = 30.0
"""Seconds in which a relay will have taken the event up; a target that has too much to do gets no second
one meanwhile.
"""

log = structlog.get_logger("mailferry.relay")


class Overdue:
    """Looks for overdue mails now and then. `patience` is the message lease in seconds."""

    def __init__(self, deliveries: MaintenanceStore, broker: Broker, clock: Clock, patience: float) -> None:
        self._deliveries = deliveries
        self._broker = broker
        self._clock = clock
        self._patience = patience
        self._published: dict[tuple[str, int], float] = {}

    async def run(self) -> None:
        """Look and publish, until cancelled."""
        while True:
            try:
                await self.publish_once()
            except MailferryError as error:
                log.warning("overdue mails not looked for", error=error)
            await self._clock.sleep(INTERVAL)

    async def publish_once(self) -> int:
        """Publish what is overdue now; returns how many mails."""
        moment = self._clock.monotonic()
        self._published = {key: at for key, at in self._published.items() if at > moment - TAKEN_UP}
        limit = BATCH + len(self._published)
        found = await self._deliveries.overdue_messages(self._clock.now(), self._patience, limit)
        messages = [each for each in found if _attempts(each) not in self._published]
        publications = [each for message in messages if (each := _publications(message))]
        if publications:
            await self._broker.publish(list(chain.from_iterable(publications)))
            reached("relay.overdue-published")
        self._published |= dict.fromkeys(map(_attempts, messages), moment)
        return len(publications)


def _publications(message: Message) -> list[Publication]:
    """What is to be published of a message; nothing of one that makes no event, which holds up no other."""
    try:
        return [
            Publication(ROUTED_KEY, EVENT_CODEC.encode_event(event), flow=event.tenant)
            for event in events(message)
        ]
    except Exception:
        log.exception("overdue mail not published", message=message.id, account=message.account)
        return []


def _attempts(message: Message) -> tuple[str, int]:
    """The message and how many attempts were made: what an event that was taken up has changed."""
    return message.id, sum(each.attempt for each in message.recipients.values())


def events(message: Message) -> list[MessageRouted]:
    """The events for those recipients of a message held in a blob that are due: one for each target."""
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
    """Whether it is an attempt at what an operator wanted retried; the store knows when it had its time."""
    return recipient.status is RecipientStatus.ATTEMPTING and recipient.next_attempt_at is not None
