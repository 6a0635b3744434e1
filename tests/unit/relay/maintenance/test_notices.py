"""Notices: once, to the right address, with the null sender, and only if they are configured."""

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

from services.relay.maintenance.notices import BOUNCES, DELAY, Notifier
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
from tests.fakes.registry import registry_of

RAW = b"Return-Path: <eve@elsewhere.example>\r\nSubject: Secret plans\r\n\r\nThe body stays here.\r\n"
POSTMASTER = Address("postmaster", "corp.example")
DAILY = NoticesSettings(digest=86400.0)
TELLING = NoticesSettings(bounces=True)


class Post:
    """A target that accepts mail, unless `error` or `code` say otherwise.

    Sending to the recipient `unexpected` raises an error that is none of Mailferry's.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, Envelope, bytes]] = []
        self.error: MailferryError | None = None
        self.code = 250
        self.unexpected: str | None = None

    async def deliver_mail(
        self, target: str, envelope: Envelope, content: object
    ) -> Sequence[RecipientReply]:
        if self.unexpected in envelope.recipients:
            raise IndexError("unexpected")
        if self.error is not None:
            raise self.error
        assert isinstance(content, bytes)
        self.sent.append((target, envelope, content))
        return [
            RecipientReply(each, Reply(self.code, (b"ok",)), Phase.CONTENT) for each in envelope.recipients
        ]

    def mail(self) -> Mail:
        return email.message_from_bytes(self.sent[-1][2], policy=default)


class Stage:
    """A store with mails, blobs, and a clock for both."""

    def __init__(self, store: SqlStore, blobs: FileBlobs, account: Account) -> None:
        self.store, self.blobs, self.account = store, blobs, account
        self.lives, self.post = Lives(store), Post()
        self.clock = ManualClock(self.lives.now)
        self.tokens = count(1)

    def notifier(self, section: NoticesSettings) -> Notifier:
        return Notifier(
            registry_of([self.account]),
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
async def stage(tmp_path: Path, account: Account) -> AsyncIterator[Stage]:
    url = f"sqlite://{tmp_path}/mailferry.db"
    upgrade(url)
    store = open_store(url)
    made = Stage(store, FileBlobs(tmp_path / "blobs"), account)
    await made.lives.lease()
    yield made
    await store.close()


@pytest.fixture
def account() -> Account:
    return account_of(ACCOUNT, POSTMASTER)


def parts(mail: Mail) -> list[Any]:
    payload: Any = mail.get_payload()
    return list(payload)


async def test_a_postmaster_gets_one_digest_a_day_however_often_a_relay_is_restarted(stage: Stage) -> None:
    message = await stage.parked("uid 1", text="554 5.7.1 \x1b[31mspam\r\nBcc: all@corp.example")
    await stage.pass_time(DELAY + 1)
    for _ in range(3):
        await stage.notifier(DAILY).send_due()
    ((target, envelope, _),) = stage.post.sent
    assert (target, envelope.reverse_path, envelope.recipients) == (
        stage.account.target,
        "",
        (str(POSTMASTER),),
    )
    mail = stage.post.mail()
    assert (mail["Auto-Submitted"], mail["Bcc"], mail["To"]) == ("auto-generated", None, str(POSTMASTER))
    assert message in mail.as_string()
    assert "Secret plans" not in mail.as_string()

    await stage.parked("uid 2")
    await stage.pass_time(3600)
    await stage.notifier(DAILY).send_due()
    assert len(stage.post.sent) == 1
    await stage.pass_time(86400)
    await stage.notifier(DAILY).send_due()
    assert len(stage.post.sent) == 2
    assert "1 recipient parked" in stage.post.mail()["Subject"]
    await stage.pass_time(86400)
    await stage.notifier(DAILY).send_due()
    assert len(stage.post.sent) == 2


@pytest.mark.parametrize("refused", [True, False])
async def test_a_digest_that_is_not_accepted_is_sent_later(stage: Stage, refused: bool) -> None:
    await stage.parked("uid 1")
    await stage.pass_time(DELAY + 1)
    if refused:
        stage.post.code = 451
    else:
        stage.post.error = ConnectFailed("Connection refused.")
    await stage.notifier(DAILY).send_due()
    stage.post.code, stage.post.error = 250, None
    stage.post.sent.clear()
    await stage.notifier(DAILY).send_due()
    assert len(stage.post.sent) == 1


async def test_a_tenant_may_have_a_postmaster_of_its_own(stage: Stage) -> None:
    await stage.parked("uid 1")
    await stage.pass_time(DELAY + 1)
    section = DAILY.model_copy(update={"postmasters": {TENANT: Address("boss", "acme.example")}})
    await stage.notifier(section).send_due()
    assert stage.post.sent[0][1].recipients == ("boss@acme.example",)


async def test_a_sender_is_notified_once_by_a_delivery_status_notification(stage: Stage) -> None:
    await stage.parked("uid 0")
    await stage.notifier(TELLING).send_due()
    await stage.pass_time(DELAY + 1)
    await stage.notifier(TELLING).send_due()
    before = [envelope.recipients for _, envelope, _ in stage.post.sent]
    await stage.parked("uid 1", BOB, EVE, text="550 5.1.1 No such user")
    await stage.pass_time(DELAY + 1)
    for _ in range(3):
        await stage.notifier(TELLING).send_due()
    (told,) = stage.post.sent[len(before) :]
    assert (told[1].reverse_path, told[1].recipients) == ("", ("eve@elsewhere.example",))
    mail = stage.post.mail()
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
async def test_null_senders_lists_and_programs_are_never_notified(stage: Stage, line: bytes) -> None:
    await stage.notifier(TELLING).send_due()
    await stage.pass_time(1)
    await stage.parked("uid 1", raw=line + b"\r\n" + RAW)
    await stage.pass_time(DELAY + 1)
    await stage.notifier(TELLING).send_due()
    assert stage.post.sent == []
    assert (await stage.store.maintenance.notices())[BOUNCES] == stage.clock.now() - DELAY


async def test_an_account_that_parks_unknown_recipients_notifies_no_sender(stage: Stage) -> None:
    stage.account = replace(stage.account, routing=replace(stage.account.routing, park_unknown=True))
    await stage.notifier(TELLING).send_due()
    await stage.pass_time(1)
    await stage.parked("uid 1")
    await stage.pass_time(DELAY + 1)
    await stage.notifier(TELLING).send_due()
    assert stage.post.sent == []


async def test_a_notice_that_fails_unexpectedly_is_logged_and_the_others_are_sent(stage: Stage) -> None:
    await stage.notifier(TELLING).send_due()
    await stage.pass_time(1)
    await stage.parked("uid 1", raw=RAW.replace(b"eve@", b"odd@"))
    await stage.parked("uid 2")
    await stage.pass_time(DELAY + 1)
    stage.post.unexpected = "odd@elsewhere.example"
    with capture_logs() as logs:
        await stage.notifier(TELLING).send_due()
    assert [envelope.recipients for _, envelope, _ in stage.post.sent] == [("eve@elsewhere.example",)]
    assert [line["log_level"] for line in logs] == ["error"]


async def test_a_digest_that_fails_unexpectedly_does_not_prevent_notifications(stage: Stage) -> None:
    await stage.notifier(TELLING).send_due()
    await stage.pass_time(1)
    await stage.parked("uid 1")
    await stage.pass_time(DELAY + 1)
    stage.post.unexpected = str(POSTMASTER)
    with capture_logs() as logs:
        await stage.notifier(DAILY.model_copy(update={"bounces": True})).send_due()
    assert [envelope.recipients for _, envelope, _ in stage.post.sent] == [("eve@elsewhere.example",)]
    assert [line["tenant"] for line in logs] == [TENANT]


async def test_nothing_is_sent_unless_it_is_asked_for(stage: Stage) -> None:
    await stage.parked("uid 1")
    await stage.pass_time(86400)
    await stage.notifier(NoticesSettings()).send_due()
    await stage.notifier(NoticesSettings()).run()
    assert stage.post.sent == []


def account_of(id: str, postmaster: Address) -> Account:
    tenant, _, name = id.partition("/")
    return replace(mails.account(mails.catch_all(postmaster=postmaster)), tenant=tenant, name=name)
