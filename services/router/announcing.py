"""Tells the relays what was routed. A mail with so many recipients that its event is too large for the broker
is announced in several events, so that it holds up no other mail of its batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import structlog

from services.router.header.hop import Client
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageFetched, MessageRouted, RoutedRecipient
from shared.contract.topology import ROUTED_KEY
from shared.ports.broker import Broker, Publication, TooLarge
from shared.ports.store import Serving

MOST_RECIPIENTS = 500
UNTOLD = Client()

log = structlog.get_logger("mailferry.router")


async def announce(broker: Broker, events: Sequence[MessageRouted], hints: Sequence[Publication]) -> None:
    """Publish the events and hints; raises what publishing raises.

    What is too large even in parts is left to its lease: no other mail waits for it.
    """
    publications = [(event, _published(event)) for event in events]
    try:
        await broker.publish([*(each for _, each in publications), *hints])
    except TooLarge as error:
        refused = {id(each) for each in error.publications}
        fitting = [each for _, each in publications if id(each) not in refused]
        await broker.publish([*fitting, *hints])
        for event, each in publications:
            if id(each) in refused:
                await _announce_in_parts(broker, event)


async def _announce_in_parts(broker: Broker, event: MessageRouted) -> None:
    try:
        await broker.publish([_published(part) for part in _parts(event)])
    except TooLarge as error:
        log.error("mail left to its lease", message=event.message, error=error)


def _parts(event: MessageRouted) -> Iterator[MessageRouted]:
    for start in range(0, len(event.recipients), MOST_RECIPIENTS):
        yield event.model_copy(update={"recipients": event.recipients[start : start + MOST_RECIPIENTS]})


def _published(event: MessageRouted) -> Publication:
    return Publication(ROUTED_KEY, EVENT_CODEC.encode_event(event), flow=event.tenant)


def routed_event(event: MessageFetched, serving: Serving, client: Client = UNTOLD) -> MessageRouted:
    """The event for the relays: the mail as it was fetched, who is to be served, and whom it is from."""
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
    )
