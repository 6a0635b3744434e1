"""Webhooks are told of each change once, whatever the receiver does, and nobody else is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from shared.access import Principal, Role
from shared.adapters.sql import open_store
from shared.model.address_policy import ANYWHERE
from shared.operations.context import OperatorContext
from shared.operations.events import Event, Watcher
from shared.operations.webhooks import Hooks, NewHook, Notifier, Receivers, signature
from shared.operations.webhooks.sending import UrlUnusable
from shared.operations.webhooks.signing import RETRY_DELAYS
from shared.ports.store import Delivery, Release, VisitReport
from tests.fakes.api import open_api
from tests.fakes.clock import ManualClock

NOW = 1_700_000_000.0
OPERATOR = Principal("otto", Role.OPERATOR)
ANSWERS = {
    "good": b"HTTP/1.1 204 No Content\r\n\r\n",
    "error": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
    "nonsense": b"220 smtp.example ESMTP\r\n\r\n",
    "silence": b"",
}


class Receiver:
    """Answers every request with the same octets, and keeps what it got."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
        self.requests.append(head + await reader.readexactly(length))
        if self.answer is None:
            await reader.read()
        else:
            writer.write(self.answer)
        writer.close()


@asynccontextmanager
async def receiving(answer: bytes | None) -> AsyncIterator[Receiver]:
    receiver = Receiver(answer)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?x=1"
    try:
        yield receiver
    finally:
        server.close()


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[OperatorContext]:
    async with open_api(tmp_path) as api:
        yield replace(api.control.context, clock=ManualClock(NOW))


async def added(context: OperatorContext, url: str, tenant: str | None = "acme") -> tuple[str, str]:
    hooks = Hooks(context, OPERATOR, lambda count: bytes(range(count)))
    events = frozenset({Event.ACCOUNT_FAILING, Event.ACCOUNT_RECOVERED})
    made, secret = await hooks.add(NewHook(url, events, tenant))
    return made.id, secret


async def set_failing(context: OperatorContext, failing: bool, account: str = "acme/info") -> None:
    store = open_store(context.configuration.store.url.get_secret_value())
    [lease] = await store.fetcher.lease_these("me", [account], NOW, NOW + 60)
    report = VisitReport("The server refused the password.", failed=True) if failing else VisitReport()
    await store.fetcher.release_leases([Release(lease.fence, report, NOW, NOW)])
    await store.close()


def notifier(context: OperatorContext, seconds: float = 40.0) -> Notifier:
    return Notifier(context, Receivers(ANYWHERE, seconds))


async def newest(context: OperatorContext, hook: str) -> Delivery:
    return (await context.webhooks.deliveries(hook, 1))[0]


async def test_each_change_is_told_once_and_signed(context: OperatorContext) -> None:
    async with receiving(ANSWERS["good"]) as receiver:
        hook, secret = await added(context, receiver.url)
        both = notifier(context), notifier(context)
        watchers = Watcher(context), Watcher(context)
        for failing, told in ((False, 0), (True, 1), (True, 1), (False, 2)):
            await set_failing(context, failing)
            await asyncio.gather(*(each.look() for each in watchers))
            await asyncio.gather(*(each.deliver() for each in both))
            assert len(receiver.requests) == told
        head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
        assert json.loads(body)["event"] == "account.failing"
        assert json.loads(body)["account"] == "acme/info"
        assert f"X-Mailferry-Signature: {signature(secret, int(NOW), body)}".encode() in head
        assert (await newest(context, hook)).delivered_at == NOW


@pytest.mark.parametrize("kind", ["error", "redirect", "nonsense", "silence"])
async def test_a_receiver_that_does_not_accept_it_is_told_again(context: OperatorContext, kind: str) -> None:
    async with receiving(ANSWERS[kind]) as receiver:
        hook, _ = await added(context, receiver.url)
        await set_failing(context, True)
        await Watcher(context).look()
        assert await notifier(context).deliver() == 1
        tried = await newest(context, hook)
        assert (tried.attempts, tried.next_at) == (1, NOW + RETRY_DELAYS[0])
        assert len(receiver.requests) == 1
        if kind == "redirect":
            assert tried.answer == "answered 302; redirects are not followed"
        assert await notifier(context).deliver() == 0


async def test_a_receiver_that_hangs_is_left_after_a_while(context: OperatorContext) -> None:
    async with receiving(None) as receiver:
        hook, _ = await added(context, receiver.url)
        await set_failing(context, True)
        await Watcher(context).look()
        await notifier(context, 1.0).deliver()
        assert (await newest(context, hook)).answer == "no answer within 1 s"


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "localhost", "[::1]", "10.0.0.1"])
async def test_nobody_is_told_in_a_private_network(context: OperatorContext, host: str) -> None:
    async with receiving(ANSWERS["good"]) as receiver:
        url = receiver.url.replace("127.0.0.1", host)
        hook, _ = await added(context, url)
        await set_failing(context, True)
        await Watcher(context).look()
        await Notifier(context).deliver()
        tried = await newest(context, hook)
        assert (receiver.requests, tried.delivered_at) == ([], None)


async def test_it_is_given_up_after_nearly_eight_hours(context: OperatorContext) -> None:
    clock = context.clock
    assert isinstance(clock, ManualClock)
    async with receiving(ANSWERS["error"]) as receiver:
        hook, _ = await added(context, receiver.url)
        await set_failing(context, True)
        await Watcher(context).look()
        while await notifier(context).deliver():
            tried = await newest(context, hook)
            if tried.next_at is None:
                break
            await clock.advance(tried.next_at - clock.now())
        assert len(receiver.requests) == len(RETRY_DELAYS) + 1
        assert 7 * 3600 < clock.now() - NOW < 8 * 3600


async def test_a_tenant_is_not_told_of_another(context: OperatorContext) -> None:
    async with receiving(ANSWERS["good"]) as receiver:
        await added(context, receiver.url, "other")
        await set_failing(context, True)
        assert await Watcher(context).look() == 1
        assert await notifier(context).deliver() == 0


@pytest.mark.parametrize(
    "url", ["ftp://x.example/", "https://", "https://u:p@x.example/", "https://x.example:99999/", "x"]
)
async def test_what_is_no_url_of_a_receiver_is_refused(context: OperatorContext, url: str) -> None:
    with pytest.raises(UrlUnusable):
        await added(context, url)
