"""Publish routed mails for the relays.

An event with too many recipients for the broker is published in parts, so that it does not hold up the other
mails of its batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import structlog

from services.router.header.received import Client
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageFetched, MessageRouted, RoutedRecipient
from shared.contract.topology import ROUTED_KEY
from shared.ports.broker import Broker, Publication, TooLarge
from shared.ports.store import Serving

RECIPIENTS_PER_PART = 500
NO_CLIENT = Client()

log = structlog.get_logger("mailferry.router")


async def publish_routed(
    broker: Broker, events: Sequence[MessageRouted], hints: Sequence[Publication]
) -> None:
    """Publish the events and hints. Raises what publishing raises.

    A mail that is too large even in parts is left to its lease.
    """
    publications = [(event, _publication(event)) for event in events]
    try:
        await broker.publish([*(each for _, each in publications), *hints])
    except TooLarge as error:
        refused = {id(each) for each in error.publications}
        fitting = [each for _, each in publications if id(each) not in refused]
        await broker.publish([*fitting, *hints])
        for event, each in publications:
            if id(each) in refused:
                await _publish_in_parts(broker, event)


def routed_event(
    event: MessageFetched, serving: Serving, client: Client = NO_CLIENT, revision: int = 0, trace: str = ""
) -> MessageRouted:
    """Return the event for the relays: the fetched mail, its recipients to serve, and the client.

    `revision` is the registry's by which the mail was routed, `trace` the context of that step.
    """
    return MessageRouted(
        message=event.message,
        tenant=event.tenant,
        account=event.account,
        fetch_no=event.fetch_no,
        target=serving.target,
        reverse_path=serving.reverse_path,
        recipients=tuple(
            [
                RoutedRecipient(address=each.address, destination=each.destination, attempt=each.attempt)
                for each in serving.recipients
            ]
        ),
        fetched_at=event.fetched_at,
        payload=event.payload,
        client_name=client.name,
        client_address=client.ip,
        revision=max(event.revision, revision),
        trace=trace,
    )


async def _publish_in_parts(broker: Broker, event: MessageRouted) -> None:
    try:
        await broker.publish([_publication(part) for part in _parts(event)])
    except TooLarge as error:
        log.error("mail left to its lease", message=event.message, error=error)


def _parts(event: MessageRouted) -> Iterator[MessageRouted]:
    for start in range(0, len(event.recipients), RECIPIENTS_PER_PART):
        yield event.model_copy(update={"recipients": event.recipients[start : start + RECIPIENTS_PER_PART]})


def _publication(event: MessageRouted) -> Publication:
    return Publication(ROUTED_KEY, EVENT_CODEC.encode_event(event), flow=event.tenant)
