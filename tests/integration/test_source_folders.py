"""Mail of several source folders through the real router, relay and database, to a target.

Nothing fetches here: the test records and publishes what a fetcher would.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.header import decode_header, make_header
from pathlib import Path

import pytest

from services.fetcher.maintenance.spool_republisher import SpoolRepublisher
from services.relay.build import build_relay
from services.router.build import build_router
from services.standalone.all_services import apply_configuration
from shared.config import Configuration
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageFetched, Payload
from shared.contract.journal import RecipientOutcome
from shared.contract.topology import FETCHED_KEY
from shared.custody.commands import Fence, FetchedMail
from shared.model.message import LedgerKey, RecipientStatus
from shared.ports.broker import Publication
from shared.ports.store import Schedule
from shared.runtime.opening import open_runtime
from shared.runtime.raw_mail import store_raw_mail
from shared.runtime.runtime import Runtime
from shared.runtime.stop import Stop
from tests.fakes.command import mailferry
from tests.fakes.configuration import ConfigurationFile, imap_account
from tests.fakes.mails import mail
from tests.fakes.smtp_server import SmtpServer

ACCOUNT = "acme/catchall"
LEASE = 60.0
SALES, INFO, BOB = "sales@acme.com", "info@acme.com", "bob@acme.com"
RAW = mail("Message-ID: <1@x.example>", "Date: Mon, 30 Nov 2026 12:00:00 +0000", "To: bob@acme.com")
KEYS = (
    f'folder_recipients = {{ "Sales" = "{SALES}", "Info/Web" = "{INFO}" }}',
    'folder_header = "X-Source-Folder"',
)
SERVERS = """
store.url = "sqlite:mailferry.db"
broker.url = "memory:"
blobs.url = "file:blobs"
relay.helo_name = "ferry.corp.example"
"""


class Pipeline:
    """Router and relay, the target behind them, and what became of the mails."""

    def __init__(self, configuration: Configuration, runtime: Runtime, target: SmtpServer) -> None:
        self.configuration = configuration
        self.runtime = runtime
        self.target = target
        self.fence = Fence(ACCOUNT, 0)
        self.outcomes: asyncio.Queue[RecipientOutcome] = asyncio.Queue()
        self._fetched = 0

    def observe(self, _account: str, outcome: RecipientOutcome) -> None:
        self.outcomes.put_nowait(outcome)

    async def next_outcomes(self, count: int) -> dict[str, RecipientStatus]:
        """What became of the next recipients."""
        async with asyncio.timeout(30):
            found = [await self.outcomes.get() for _ in range(count)]
        return {each.address: each.status for each in found}

    def delivered(self) -> Counter[tuple[str, str]]:
        """How often each recipient got a mail that names a folder."""
        return Counter(
            (who, folder_in(each.content)) for each in self.target.accepted for who in each.recipients
        )

    async def record(self, folder: str, raw: bytes, *, spooled: bool = False) -> MessageFetched:
        """Enter a mail of a folder into the ledger; with `spooled` it is in a blob, and its event is lost."""
        self._fetched += 1
        message, now = f"m{self._fetched}", self.runtime.clock.now()
        payload = Payload(octets=len(raw), inline=raw)
        if spooled:
            payload = Payload(
                octets=len(raw), blob=await store_raw_mail(self.runtime.blobs, message, payload)
            )
        key = LedgerKey(folder, 7, f"{self._fetched:010d}")
        read = FetchedMail(
            message, "acme", key, 0, len(raw), len(raw), "fetcher-1", blob=payload.blob, spooled=spooled
        )
        await self.runtime.store.fetcher.record_fetched(self.fence, [read], now, 0.0 if spooled else LEASE)
        return MessageFetched(
            message=message,
            tenant="acme",
            account=ACCOUNT,
            fetch_no=1,
            key=key,
            fetched_at=now,
            payload=payload,
        )

    async def publish(self, *events: MessageFetched) -> None:
        await self.runtime.broker.publish(
            [Publication(FETCHED_KEY, EVENT_CODEC.encode_event(each), flow="acme") for each in events]
        )


def folder_in(content: bytes) -> str:
    """The folder that a delivered mail names, in the only field of that name, on top."""
    parsed = message_from_bytes(content)
    assert parsed.keys()[0] == "X-Source-Folder"
    (value,) = parsed.get_all("X-Source-Folder", [])
    return str(make_header(decode_header(value)))


@asynccontextmanager
async def running(pipeline: Pipeline) -> AsyncIterator[None]:
    runtime, configuration, stop = pipeline.runtime, pipeline.configuration, Stop()
    store, now = runtime.store.fetcher, runtime.clock.now()
    await store.sync_accounts([Schedule(ACCOUNT, 60.0, enabled=True)], now)
    [lease] = await store.lease_these("fetcher-1", [ACCOUNT], now, now + 3600)
    pipeline.fence = lease.fence
    router = build_router(configuration, runtime)
    relay = build_relay(configuration, runtime, name="relay-1", observe_outcome=pipeline.observe)
    async with asyncio.TaskGroup() as group:
        group.create_task(router.run(stop))
        group.create_task(relay.run(stop))
        try:
            yield
        finally:
            stop.request("the test is over")


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with SmtpServer() as target:
        text = SERVERS + imap_account(*KEYS).replace(
            "smtp://mail.corp.example", f"smtp://127.0.0.1:{target.port}"
        )
        configuration = ConfigurationFile(tmp_path).load(text)
        async with open_runtime(configuration) as runtime:
            await apply_configuration(runtime, configuration)
            made = Pipeline(configuration, runtime, target)
            async with running(made):
                yield made


async def test_copies_of_a_mail_reach_the_recipient_of_each_folder_once_and_name_the_folder(
    pipeline: Pipeline,
) -> None:
    folders = ["Sales", "Info/Web", "INBOX", "Entw\u00fcrfe"]
    await pipeline.publish(*[await pipeline.record(each, RAW) for each in folders])
    assert set(await pipeline.next_outcomes(3)) == {SALES, INFO, BOB}
    before = pipeline.delivered()
    assert set(before) - {(BOB, "INBOX"), (BOB, "Entw\u00fcrfe")} == {(SALES, "Sales"), (INFO, "Info/Web")}
    assert sum(before.values()) == 3

    # One more copy in a folder adds nobody; a mail behind it shows that it was routed.
    another = mail("X-Source-Folder: Boss", "Message-ID: <2@x.example>", "To: eve@acme.com")
    await pipeline.publish(await pipeline.record("Sales", RAW))
    await pipeline.publish(await pipeline.record("Entw\u00fcrfe", another))
    assert await pipeline.next_outcomes(1) == {"eve@acme.com": RecipientStatus.DELIVERED}
    assert pipeline.delivered() - before == Counter({("eve@acme.com", "Entw\u00fcrfe"): 1})


async def test_a_mail_that_is_published_again_from_its_blob_goes_the_same_way(pipeline: Pipeline) -> None:
    await pipeline.record("Sales", RAW, spooled=True)
    runtime = pipeline.runtime
    republisher = SpoolRepublisher(
        runtime.registry, runtime.store.maintenance, runtime.broker, runtime.clock,
        name="fetcher-1", lease=LEASE, longest_lease=LEASE,
    )  # fmt: skip
    assert await republisher.publish_all() == 1
    assert await pipeline.next_outcomes(1) == {SALES: RecipientStatus.DELIVERED}
    assert pipeline.delivered() == Counter({(SALES, "Sales"): 1})


async def test_a_parked_mail_that_is_retried_names_its_folder(pipeline: Pipeline) -> None:
    pipeline.target.recipients[SALES] = "550 5.1.1 No such user"
    event = await pipeline.record("Sales", RAW)
    await pipeline.publish(event)
    assert await pipeline.next_outcomes(1) == {SALES: RecipientStatus.PARKED}
    pipeline.target.recipients.clear()
    store, clock = pipeline.runtime.store.operator, pipeline.runtime.clock
    await store.retry_parked(event.message, [SALES], None, None, clock.now())
    assert await pipeline.next_outcomes(1) == {SALES: RecipientStatus.DELIVERED}
    assert pipeline.delivered() == Counter({(SALES, "Sales"): 1})


async def test_operators_see_the_folder_of_a_mail_and_why_its_recipient_was_chosen(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    await pipeline.publish(await pipeline.record("Sales", RAW), await pipeline.record("INBOX", RAW))
    await pipeline.next_outcomes(2)

    # The journal is read without the account.
    configuration = tmp_path / "trace.toml"
    configuration.touch(mode=0o600)
    configuration.write_text(SERVERS)

    async def traced(*options: str) -> str:
        ended = await mailferry("trace", "<1@x.example>", "-c", configuration, *options)
        assert (ended.code, ended.err) == (0, "")
        return ended.out

    text = await traced()
    assert "UID 0000000001 in the folder Sales, " in text
    assert "routed by folder (certain confidence) to target exchange" in text
    assert f"{SALES}: read from the folder Sales; to be delivered" in text
    told = {each["message"]: each for each in json.loads(await traced("-o", "json"))}
    assert told["m1"]["folder"] == "Sales"
    assert "folder" not in told["m2"]
