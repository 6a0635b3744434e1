from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import cast

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from typing_extensions import override

from services.router import service
from services.router.resolving.analysis import AnalysedMail
from services.router.resolving.resolver import Resolver
from services.router.service import Router, RouterSettings
from shared.adapters.file_blobs import FileBlobs, FileBlobWriter
from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.system_clock import SystemClock
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageFetched, MessageRouted, Payload
from shared.contract.topology import FETCHED_KEY, RELAY_QUEUE, topology
from shared.custody.commands import RoutedMail, Settled
from shared.model.account import Account, ExistenceCheck, Login, MailboxKind, Routing
from shared.model.address import Address
from shared.model.endpoint import Endpoint
from shared.model.message import LedgerKey
from shared.ports.blobs import BlobsUnavailable
from shared.ports.broker import Publication
from shared.ports.directory import Existence
from shared.ports.store import RawMailNeeded, RouterStore, Serving
from shared.runtime.batch_policy import BatchPolicy
from shared.runtime.metrics import Metrics
from shared.runtime.stop import Stop
from tests.fakes.custody import BOB, EVE, recipient
from tests.fakes.directory import FakeDirectories, FakeDirectory
from tests.fakes.registry import registry_of

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


CATCH_ALL = replace(
    ACCOUNT,
    routing=Routing(
        MailboxKind.CATCH_ALL,
        domains={"corp.example": "keep"},
        unknown_recipients=Address("postmaster", "corp.example"),
        existence=ExistenceCheck.RCPT,
    ),
)


class Routings:
    """Records every mail, settles `settled`, asks for the raw mail of those `needed`, and stops the router
    after so many batches.
    """

    def __init__(
        self, stop: Stop, batches: int, settled: Sequence[Settled], needed: Sequence[str] = ()
    ) -> None:
        self._stop = stop
        self._needed = frozenset(needed)
        self._batches = batches
        self._settled = settled
        self.mails: list[RoutedMail] = []

    async def record_routed(
        self, mails: Sequence[RoutedMail], now: float, lease: float, longest: float = inf
    ) -> tuple[Sequence[Serving], Sequence[Settled]]:
        unsafe = {each.message for each in mails if each.message in self._needed and each.blob is None}
        if unsafe:
            raise RawMailNeeded(frozenset(unsafe))
        self.mails += mails
        self._batches -= 1
        if not self._batches:
            self._stop.request("the batches are done")
        return [Serving(each.message, "exchange", "", (recipient(BOB),)) for each in mails], self._settled


class Blobs(FileBlobs):
    """Blobs that fail in unexpected ways, by name."""

    def read(self, name: str) -> AsyncGenerator[bytes, None]:
        if name == "mail/broken":
            raise KeyError(name)
        return super().read(name)

    @override
    async def create(self, name: str) -> FileBlobWriter:
        if name == "mail/unsafe":
            raise BlobsUnavailable("the disk is full")
        return await super().create(name)


def fetched(message: str, fetch_no: int, raw: bytes = b"x", *, blob: str | None = None) -> Publication:
    event = MessageFetched(
        message=message, tenant="acme", account=ACCOUNT.id, fetch_no=fetch_no, key=LedgerKey("INBOX", 0, "1"),
        fetched_at=1.0, payload=Payload(octets=1, inline=None if blob else raw, blob=blob),
    )  # fmt: skip
    return Publication(FETCHED_KEY, EVENT_CODEC.encode(event))


async def routed(
    tmp_path: Path,
    *publications: Publication,
    account: Account = ACCOUNT,
    directories: FakeDirectories | None = None,
    batches: int = 1,
    settled: Sequence[Settled] = (),
    metrics: Metrics | None = None,
    needed: Sequence[str] = (),
) -> tuple[list[RoutedMail], list[MessageRouted]]:
    """What is recorded and published where these events come in one batch."""
    stop, clock = Stop(), SystemClock()
    broker, routings = MemoryBroker(PLAN, clock), Routings(stop, batches, settled, needed)
    router = Router(
        registry_of([account]),
        broker,
        cast(RouterStore, routings),
        Blobs(tmp_path),
        directories or FakeDirectories(),
        clock,
        metrics or Metrics(CollectorRegistry(), "0"),
        RouterSettings(900.0, BatchPolicy(prefetch=10, batch=10, linger=0.01)),
    )
    await broker.publish(publications)
    await router.run(stop)
    events: list[MessageRouted] = []
    async with broker.subscribe(RELAY_QUEUE, 10) as subscription:
        for each in await subscription.batch(10, 0.01):
            event = EVENT_CODEC.decode(each.body)
            assert isinstance(event, MessageRouted)
            events.append(event)
    return routings.mails, events


def recorded(mails: Sequence[RoutedMail]) -> list[tuple[str, int]]:
    return [(each.message, each.fetch_no) for each in mails]


async def test_of_two_events_about_one_mail_the_latest_counts(tmp_path: Path) -> None:
    mails, events = await routed(tmp_path, fetched("m", 2), fetched("m", 1), fetched("n", 1))
    assert recorded(mails) == [("m", 2), ("n", 1)]
    assert [(each.message, each.fetch_no) for each in events] == recorded(mails)


async def test_a_mistake_of_ours_about_one_mail_holds_up_no_other(tmp_path: Path) -> None:
    mails, events = await routed(tmp_path, fetched("m", 1, blob="mail/broken"), fetched("n", 1))
    assert recorded(mails) == [("n", 1)]
    assert [each.message for each in events] == ["n"]


async def test_a_large_mail_holds_up_no_small_one_and_has_the_same_identity(tmp_path: Path) -> None:
    fields = b"X-Original-To: bob@corp.example\r\nMessage-ID: <1@x>\r\nDate: Mon, 2 Mar 2026 09:30 +0100\r\n"
    raw = fields + b"\r\n" + b"text\r\n" * 100_000
    writer = await Blobs(tmp_path).create("mail/large")
    await writer.write(raw)
    await writer.commit(durable=False)
    large = fetched("large", 1, blob="mail/large")
    mails, _ = await routed(tmp_path, large, fetched("small", 1), fetched("whole", 1, raw), batches=2)
    assert recorded(mails) == [("small", 1), ("whole", 1), ("large", 1)]
    assert mails[1].identity == mails[2].identity


async def test_many_mails_let_others_have_their_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAILS_PER_TURN", 3)
    order, read = list[str](), Resolver.analyse

    async def analyse(resolver: Resolver, event: MessageFetched) -> AnalysedMail | None:
        if not order:
            asyncio.get_running_loop().call_soon(order.append, "somebody else")
        order.append(event.message)
        return await read(resolver, event)

    monkeypatch.setattr(Resolver, "analyse", analyse)
    await routed(tmp_path, *(fetched(f"{number}", 1) for number in range(1, 5)))
    assert order == ["1", "2", "somebody else", "3", "4"]


async def test_recipients_are_looked_up_together_and_hold_up_no_other_mail(tmp_path: Path) -> None:
    directory = FakeDirectory({BOB: Existence.EXISTS, EVE: Existence.MISSING})
    mails, events = await routed(
        tmp_path,
        fetched("to-bob", 1, f"X-Original-To: {BOB}\n\n".encode()),
        fetched("to-eve", 1, f"X-Original-To: {EVE}\n\n".encode()),
        fetched("again", 1, f"X-Original-To: {BOB}\nSubject: another\n\n".encode()),
        fetched("to-nobody", 1, b"\n\n"),
        account=CATCH_ALL,
        directories=FakeDirectories(directory),
        batches=2,
    )
    assert recorded(mails) == [("to-nobody", 1), ("to-bob", 1), ("to-eve", 1), ("again", 1)]
    assert directory.asked == [[BOB, EVE]]
    assert [each.address for each in mails[2].recipients] == ["postmaster@corp.example"]
    assert [each.message for each in events] == ["to-nobody", "to-bob", "to-eve", "again"]


async def test_what_is_known_about_recipients_is_used_at_once(tmp_path: Path) -> None:
    directory = FakeDirectory({BOB: Existence.EXISTS}, cached=True)
    mails, _ = await routed(
        tmp_path,
        fetched("to-bob", 1, f"X-Original-To: {BOB}\n\n".encode()),
        account=CATCH_ALL,
        directories=FakeDirectories(directory),
    )
    assert (recorded(mails), directory.asked) == ([("to-bob", 1)], [])


async def test_a_parked_recipient_has_the_mail_stored(tmp_path: Path) -> None:
    parking = replace(CATCH_ALL.routing, unknown_recipients=None, park_unknown=True)
    directory = FakeDirectory({EVE: Existence.MISSING}, cached=True)
    raw = f"X-Original-To: {EVE}\n\n".encode()
    (mail,), _ = await routed(
        tmp_path,
        fetched("to-eve", 1, raw),
        account=replace(CATCH_ALL, routing=parking),
        directories=FakeDirectories(directory),
    )
    assert [(each.address, each.parked) for each in mail.recipients] == [(EVE, True)]
    assert mail.blob is not None
    assert b"".join([piece async for piece in Blobs(tmp_path).read(mail.blob)]) == raw


async def test_a_mail_that_turns_out_to_be_parked_is_stored_before_it_is_recorded(tmp_path: Path) -> None:
    mails, events = await routed(
        tmp_path, fetched("m", 1), fetched("surplus", 1, b"To: x\n\n"), needed=["surplus"]
    )
    assert [(each.message, each.blob is not None) for each in mails] == [("m", False), ("surplus", True)]
    assert [each.message for each in events] == ["m", "surplus"]
    assert b"".join([piece async for piece in Blobs(tmp_path).read(mails[1].blob or "")]) == b"To: x\n\n"


async def test_a_mail_that_cannot_be_stored_is_left_to_its_lease_and_holds_up_no_other(
    tmp_path: Path,
) -> None:
    mails, events = await routed(tmp_path, fetched("m", 1), fetched("unsafe", 1), needed=["unsafe"])
    assert (recorded(mails), [each.message for each in events]) == ([("m", 1)], ["m"])


async def test_mail_of_an_account_that_is_switched_off_is_left_to_its_lease(tmp_path: Path) -> None:
    event = EVENT_CODEC.decode(fetched("m", 1).body)
    assert isinstance(event, MessageFetched)
    for enabled in (True, False):
        account = replace(ACCOUNT, enabled=enabled)
        resolver = Resolver({account.id: account}, FileBlobs(tmp_path), FakeDirectories())
        assert (await resolver.analyse(event) is not None) is enabled


async def test_the_time_of_a_mail_that_is_settled_by_its_routing_is_measured(tmp_path: Path) -> None:
    """As with a copy, or a mail for nobody: no relay receives it."""
    metrics = Metrics(CollectorRegistry(), "0")
    copies = [Settled(each, ACCOUNT.id, 1, "fetcher", SystemClock().now() - 100, None) for each in "mn"]
    await routed(tmp_path, fetched("m", 1), settled=copies, metrics=metrics)
    assert metrics.registry.get_sample_value("mailferry_settle_seconds_count") == 2
    assert metrics.registry.get_sample_value("mailferry_settle_seconds_bucket", {"le": "60.0"}) == 0
    assert metrics.registry.get_sample_value("mailferry_settle_seconds_bucket", {"le": "300.0"}) == 2
