"""Notices: once, to the right one, with the null sender, and only where they are wanted."""

from __future__ import annotations

import email
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from email.message import Message as Mail
from email.policy import default
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.relay.maintenance.notices import BOUNCES, SETTLED, Notifier
from shared.adapters.file_blobs import FileBlobs
from shared.adapters.sql.schema import upgrade
from shared.adapters.sql.store import SqlStore, open_store
from shared.config.settings import NoticesSettings
from shared.model.account import Account
from shared.model.address import Address
from shared.model.errors import MailferryError
from shared.model.message import RecipientStatus
from shared.net.errors import ConnectFailed
from shared.smtp.envelope import Envelope, Phase, RecipientReply
from shared.smtp.reply import Reply
from tests.fakes import mails
from tests.fakes.clock import ManualClock
from tests.fakes.custody import BOB, EVE
from tests.fakes.mail_lives import ACCOUNT, TENANT, Lives, outcome

RAW = b"Return-Path: <eve@elsewhere.example>\r\nSubject: Secret plans\r\n\r\nThe body stays here.\r\n"
POSTMASTER = Address("postmaster", "corp.example")
DAILY = NoticesSettings(digest=86400.0)
TELLING = NoticesSettings(bounces=True)


class Post:
    """The way to the target; it takes what comes, or does what `error` and `code` say. `odd`: to whom sending
    fails in a way that nobody has thought of.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, Envelope, bytes]] = []
        self.error: MailferryError | None = None
        self.code = 250
        self.odd: str | None = None

    async def send(self, target: str, envelope: Envelope, content: object) -> Sequence[RecipientReply]:
        if self.odd in envelope.recipients:
            raise IndexError("nobody thought of this")
        if self.error is not None:
            raise self.error
        assert isinstance(content, bytes)
        self.sent.append((target, envelope, content))
        return [
            RecipientReply(each, Reply(self.code, (b"ok",)), Phase.CONTENT) for each in envelope.recipients
        ]

    def mail(self) -> Mail:
        return email.message_from_bytes(self.sent[-1][2], policy=default)


class Desk:
    """A store with mails in it, blobs, and a clock that both follow."""

    def __init__(self, store: SqlStore, blobs: FileBlobs, account: Account) -> None:
        self.store, self.blobs, self.account = store, blobs, account
        self.lives, self.post = Lives(store), Post()
        self.clock = ManualClock(self.lives.now)
        self.tokens = count(1)

    def notifier(self, section: NoticesSettings) -> Notifier:
        accounts = {self.account.id: self.account}
        return Notifier(
            lambda: accounts,
            section,
            self.store.maintenance,
            self.blobs,
            self.post,
            self.clock,
            "ferry.corp.example",
            lambda: f"notice-{next(self.tokens)}",
        )

    async def pass_time(self, seconds: float) -> None:
        self.lives.now += seconds
        await self.clock.advance(seconds)

    async def parked(self, uid: str, *addresses: str, raw: bytes = RAW, text: str = "said so") -> str:
        message = await self.lives.routed(uid, *(addresses or (BOB,)))
        writer = await self.blobs.create(f"mail/{message}")
        await writer.write(raw)
        await writer.commit(durable=False)
        recipients = await self.lives.begin(message)
        ends = [
            outcome(each, RecipientStatus.PARKED).model_copy(update={"text": text}) for each in recipients
        ]
        await self.lives.end(message, *ends, blob=f"mail/{message}")
        return message


@pytest.fixture
async def desk(tmp_path: Path, account: Account) -> AsyncIterator[Desk]:
    url = f"sqlite://{tmp_path}/mailferry.db"
    upgrade(url)
    store = open_store(url)
    made = Desk(store, FileBlobs(tmp_path / "blobs"), account)
    await made.lives.lease()
    yield made
    await store.close()


@pytest.fixture
def account() -> Account:
    return account_of(ACCOUNT, POSTMASTER)


def parts(mail: Mail) -> list[Any]:
    payload: Any = mail.get_payload()
    return list(payload)


async def test_a_postmaster_gets_one_digest_a_day_however_often_a_relay_is_restarted(desk: Desk) -> None:
    message = await desk.parked("uid 1", text="554 5.7.1 \x1b[31mspam\r\nBcc: all@corp.example")
    await desk.pass_time(SETTLED + 1)
    for _ in range(3):
        await desk.notifier(DAILY).once()
    ((target, envelope, _),) = desk.post.sent
    assert (target, envelope.reverse_path, envelope.recipients) == (
        desk.account.target,
        "",
        (str(POSTMASTER),),
    )
    mail = desk.post.mail()
    assert (mail["Auto-Submitted"], mail["Bcc"], mail["To"]) == ("auto-generated", None, str(POSTMASTER))
    assert message in mail.as_string()
    assert "Secret plans" not in mail.as_string()

    await desk.parked("uid 2")
    await desk.pass_time(3600)
    await desk.notifier(DAILY).once()
    assert len(desk.post.sent) == 1
    await desk.pass_time(86400)
    await desk.notifier(DAILY).once()
    assert len(desk.post.sent) == 2
    assert "1 recipient parked" in desk.post.mail()["Subject"]
    await desk.pass_time(86400)
    await desk.notifier(DAILY).once()
    assert len(desk.post.sent) == 2


@pytest.mark.parametrize("refused", [True, False])
async def test_a_digest_that_is_not_taken_is_sent_later(desk: Desk, refused: bool) -> None:
    await desk.parked("uid 1")
    await desk.pass_time(SETTLED + 1)
    if refused:
        desk.post.code = 451
    else:
        desk.post.error = ConnectFailed("Connection refused.")
    await desk.notifier(DAILY).once()
    desk.post.code, desk.post.error = 250, None
    desk.post.sent.clear()
    await desk.notifier(DAILY).once()
    assert len(desk.post.sent) == 1


async def test_a_tenant_may_have_a_postmaster_of_its_own(desk: Desk) -> None:
    await desk.parked("uid 1")
    await desk.pass_time(SETTLED + 1)
    section = DAILY.model_copy(update={"postmasters": {TENANT: Address("boss", "acme.example")}})
    await desk.notifier(section).once()
    assert desk.post.sent[0][1].recipients == ("boss@acme.example",)


async def test_a_sender_is_told_once_by_a_delivery_status_notification(desk: Desk) -> None:
    await desk.parked("uid 0")
    await desk.notifier(TELLING).once()
    await desk.pass_time(SETTLED + 1)
    await desk.notifier(TELLING).once()
    before = [envelope.recipients for _, envelope, _ in desk.post.sent]
    await desk.parked("uid 1", BOB, EVE, text="550 5.1.1 No such user")
    await desk.pass_time(SETTLED + 1)
    for _ in range(3):
        await desk.notifier(TELLING).once()
    (told,) = desk.post.sent[len(before) :]
    assert (told[1].reverse_path, told[1].recipients) == ("", ("eve@elsewhere.example",))
    mail = desk.post.mail()
    assert (mail.get_content_type(), mail.get_param("report-type")) == ("multipart/report", "delivery-status")
    text, status, original = parts(mail)
    assert [part.get_content_type() for part in (text, status, original)] == [
        "text/plain", "message/delivery-status", "text/rfc822-headers",
    ]  # fmt: skip
    blocks = parts(status)
    assert blocks[0]["Reporting-MTA"] == "dns; ferry.corp.example"
    assert [block["Final-Recipient"] for block in blocks[1:]] == [f"rfc822; {BOB}", f"rfc822; {EVE}"]
    assert {(block["Action"], block["Status"]) for block in blocks[1:]} == {("failed", "5.0.0")}
    assert "Secret plans" in original.get_content()
    assert b"The body stays here" not in told[2]
    assert mail["Auto-Submitted"] == "auto-replied"


@pytest.mark.parametrize(
    "line", [b"Return-Path: <>", b"List-Id: <x.example>", b"Auto-Submitted: auto-replied"]
)
async def test_null_senders_lists_and_machines_are_never_told(desk: Desk, line: bytes) -> None:
    await desk.notifier(TELLING).once()
    await desk.pass_time(1)
    await desk.parked("uid 1", raw=line + b"\r\n" + RAW)
    await desk.pass_time(SETTLED + 1)
    await desk.notifier(TELLING).once()
    assert desk.post.sent == []
    assert (await desk.store.maintenance.notices())[BOUNCES] == desk.clock.now() - SETTLED


async def test_who_parks_unknown_recipients_tells_no_sender(desk: Desk) -> None:
    desk.account = replace(desk.account, routing=replace(desk.account.routing, park_unknown=True))
    await desk.notifier(TELLING).once()
    await desk.pass_time(1)
    await desk.parked("uid 1")
    await desk.pass_time(SETTLED + 1)
    await desk.notifier(TELLING).once()
    assert desk.post.sent == []


async def test_a_notice_that_fails_unexpectedly_is_logged_and_the_others_are_sent(desk: Desk) -> None:
    await desk.notifier(TELLING).once()
    await desk.pass_time(1)
    await desk.parked("uid 1", raw=RAW.replace(b"eve@", b"odd@"))
    await desk.parked("uid 2")
    await desk.pass_time(SETTLED + 1)
    desk.post.odd = "odd@elsewhere.example"
    with capture_logs() as logs:
        await desk.notifier(TELLING).once()
    assert [envelope.recipients for _, envelope, _ in desk.post.sent] == [("eve@elsewhere.example",)]
    assert [line["log_level"] for line in logs] == ["error"]


async def test_a_digest_that_fails_unexpectedly_keeps_no_sender_from_being_told(desk: Desk) -> None:
    await desk.notifier(TELLING).once()
    await desk.pass_time(1)
    await desk.parked("uid 1")
    await desk.pass_time(SETTLED + 1)
    desk.post.odd = str(POSTMASTER)
    with capture_logs() as logs:
        await desk.notifier(DAILY.model_copy(update={"bounces": True})).once()
    assert [envelope.recipients for _, envelope, _ in desk.post.sent] == [("eve@elsewhere.example",)]
    assert [line["tenant"] for line in logs] == [TENANT]


async def test_nothing_is_sent_unless_it_is_asked_for(desk: Desk) -> None:
    await desk.parked("uid 1")
    await desk.pass_time(86400)
    await desk.notifier(NoticesSettings()).once()
    await desk.notifier(NoticesSettings()).run()
    assert desk.post.sent == []


def account_of(id: str, postmaster: Address) -> Account:
    tenant, _, name = id.partition("/")
    return replace(mails.account(mails.catch_all(postmaster=postmaster)), tenant=tenant, name=name)
