from __future__ import annotations

from collections.abc import Sequence

from services.router.publication import RECIPIENTS_PER_PART, publish_routed
from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.system_clock import SystemClock
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageRouted, Payload, RoutedRecipient
from shared.contract.topology import RELAY_QUEUE, topology
from shared.ports.broker import Publication, TooLarge


class Narrow(MemoryBroker):
    """Takes events up to a size."""

    def __init__(self, limit: int) -> None:
        super().__init__(topology([60]), SystemClock())
        self._limit = limit

    async def publish(self, publications: Sequence[Publication]) -> None:
        if too_large := [each for each in publications if len(each.body) > self._limit]:
            raise TooLarge(too_large, self._limit)
        await super().publish(publications)


def event(message: str, recipients: int, octets: int = 10) -> MessageRouted:
    return MessageRouted(
        message=message,
        tenant="acme",
        account="acme/box",
        fetch_no=1,
        target="exchange",
        reverse_path="",
        recipients=tuple(
            RoutedRecipient(address=f"user{number}@corp.example", destination="", attempt=0)
            for number in range(recipients)
        ),
        fetched_at=1.0,
        payload=Payload(octets=octets, inline=b"x" * octets),
    )


async def published(broker: MemoryBroker, *events: MessageRouted) -> list[tuple[str, list[str]]]:
    """Return what the relays receive: mails and their recipients."""
    await publish_routed(broker, events, [])
    async with broker.subscribe(RELAY_QUEUE, 100) as subscription:
        received = [EVENT_CODEC.decode(each.body) for each in await subscription.batch(100, 0.01)]
    return [
        (each.message, [recipient.address for recipient in each.recipients])
        for each in received
        if isinstance(each, MessageRouted)
    ]


async def test_a_mail_for_very_many_is_announced_in_parts_and_holds_up_no_other() -> None:
    many = event("many", 3 * RECIPIENTS_PER_PART - 1)
    received = await published(Narrow(50_000), event("a", 1), many, event("b", 2))
    assert [message for message, _ in received] == ["a", "b", "many", "many", "many"]
    everybody = [address for message, addresses in received if message == "many" for address in addresses]
    assert everybody == [each.address for each in many.recipients]


async def test_a_mail_that_fits_in_no_event_holds_up_no_other() -> None:
    received = await published(Narrow(50_000), event("huge", 1, octets=60_000), event("a", 1))
    assert received == [("a", ["user0@corp.example"])]
