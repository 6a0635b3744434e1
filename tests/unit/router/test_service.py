from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from services.router.service import Router, RouterSettings
from shared.adapters.file_blobs import FileBlobs
from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.system_clock import SystemClock
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageFetched, MessageRouted, Payload
from shared.contract.topology import FETCHED_KEY, RELAY_QUEUE, topology
from shared.custody.commands import RoutedMail, Settled
from shared.model.account import Account, Login, MailboxKind, Routing
from shared.model.address import Address
from shared.model.endpoint import Endpoint
from shared.model.message import LedgerKey
from shared.ops.consuming import Appetite
from shared.ops.metrics import Metrics
from shared.ops.stopping import Stop
from shared.ports.broker import Publication
from shared.ports.store import Serving
from tests.fakes.custody import BOB, recipient

PLAN = topology([60])
ACCOUNT = Account(
    tenant="acme",
    name="bob",
    protocol="pop3",
    endpoint=Endpoint("pop.test", 110),
    login=Login("bob", SecretStr("x"), ("user",)),
    target="exchange",
    routing=Routing(MailboxKind.SINGLE, Address("bob", "corp.example")),
)


class Routings:
    """Has every wish served, and ends the router's work."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self.wishes: list[tuple[str, int]] = []

    async def record_routed(
        self, mails: Sequence[RoutedMail], now: float, lease: float
    ) -> tuple[Sequence[Serving], Sequence[Settled]]:
        self.wishes += [(each.message, each.fetch_no) for each in mails]
        self._stop.ask("the batch is done")
        return [Serving(each.message, "exchange", "", (recipient(BOB),)) for each in mails], []


class Broken(FileBlobs):
    """Blobs of which nobody thought that they could be like this."""

    def read(self, name: str) -> AsyncGenerator[bytes, None]:
        raise KeyError(name)


def fetched(message: str, fetch_no: int, *, blob: str | None = None) -> Publication:
    event = MessageFetched(
        message=message, tenant="acme", account=ACCOUNT.id, fetch_no=fetch_no, key=LedgerKey("INBOX", 0, "1"),
        fetched_at=1.0, payload=Payload(octets=1, inline=None if blob else b"x", blob=blob),
    )  # fmt: skip
    return Publication(FETCHED_KEY, EVENT_CODEC.encode(event))


async def routed(
    tmp_path: Path, *publications: Publication
) -> tuple[list[tuple[str, int]], list[MessageRouted]]:
    """What is recorded and published where these events come in one batch."""
    stop, clock = Stop(), SystemClock()
    broker, routings = MemoryBroker(PLAN, clock), Routings(stop)
    router = Router(
        {ACCOUNT.id: ACCOUNT},
        broker,
        routings,
        Broken(tmp_path),
        clock,
        Metrics(CollectorRegistry(), "0"),
        RouterSettings(900.0, Appetite(prefetch=10, batch=10, linger=0.01)),
    )
    await broker.publish(publications)
    await router.run(stop)
    events: list[MessageRouted] = []
    async with broker.subscribe(RELAY_QUEUE, 10) as subscription:
        for each in await subscription.batch(10, 0.01):
            event = EVENT_CODEC.decode(each.body)
            assert isinstance(event, MessageRouted)
            events.append(event)
    return routings.wishes, events


async def test_of_two_events_about_one_mail_the_latest_counts(tmp_path: Path) -> None:
    wishes, events = await routed(tmp_path, fetched("m", 2), fetched("m", 1), fetched("n", 1))
    assert wishes == [("m", 2), ("n", 1)]
    assert [(each.message, each.fetch_no) for each in events] == wishes


async def test_a_mistake_of_ours_about_one_mail_holds_up_no_other(tmp_path: Path) -> None:
    wishes, events = await routed(tmp_path, fetched("m", 1, blob="mail/m"), fetched("n", 1))
    assert wishes == [("n", 1)]
    assert [each.message for each in events] == ["n"]
