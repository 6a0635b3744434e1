"""Copies of one mail come by several mailboxes and visits: each recipient gets the mail exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import Tagged, tag_of, tagged
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ferry_config import account, configuration, single
from tests.servers.oracle import Records

AMY, BOB = "amy@corp.example", "bob@corp.example"
DATE = "Date: Mon, 02 Mar 2026 09:30:00 +0100"
CATCH_ALL = ('mailbox = "catch-all"', 'domains = { "corp.example" = "keep" }')


@dataclass(frozen=True)
class Twins:
    """Two mailboxes and one target."""

    dovecot: Dovecot
    first: Login
    second: Login
    target: SmtpServer
    directory: Path

    def text(self, *mailbox: str, second: tuple[str, ...] = (), other_tenant: bool = False) -> str:
        """A configuration for both; `mailbox` are the lines of each account, `second` more for the second."""
        parts = [
            account("first", self.dovecot.pop3_port, self.first, *mailbox),
            account("second", self.dovecot.pop3_port, self.second, *mailbox, *second),
        ]
        if other_tenant:
            parts[1] = parts[1].replace('tenant = "acme"', 'tenant = "other"')
        return configuration(parts, target=self.target.port)

    @contextmanager
    def ferried(self, text: str) -> Iterator[Ferry]:
        with Ferry(self.directory, text) as ferry:
            yield ferry

    def post(self, login: Login, *mails: Tagged) -> None:
        self.dovecot.fill(login.name, [mail.raw for mail in mails])

    def left(self) -> int:
        return sum(self.dovecot.remaining_count(each.name) for each in (self.first, self.second))

    def arrived(self, tag: str) -> Counter[str]:
        """The recipients of the accepted copies of a mail."""
        copies = [mail for mail in self.target.accepted if tag_of(mail.content) == tag]
        return Counter(recipient for mail in copies for recipient in mail.recipients)


@pytest.fixture
def twins(dovecot: Dovecot, tmp_path: Path) -> Iterator[Twins]:
    target = SmtpServer()
    with in_background(target):
        yield Twins(dovecot, dovecot.new_user(), dovecot.new_user(), target, tmp_path)


def standing(ferry: Ferry, tag: str, address: str) -> Callable[[], list[str]]:
    """The statuses of this recipient, one for each copy of the mail, in alphabetical order."""
    records = Records(ferry.path)

    def look() -> list[str]:
        return sorted(
            recipient["status"]
            for story in records.stories(f"{tag}@tags.example")
            for recipient in story["recipients"]
            if recipient["address"] == address
        )

    return look


def agreed(ferry: Ferry, process: FerryProcess, messages: int) -> None:
    """Check that the process ends well and the journal agrees with the tables."""
    assert process.terminate() == 0
    Records(ferry.path).assert_journal_agrees(messages)


def test_the_same_mail_in_two_accounts_of_a_tenant_is_delivered_once(
    twins: Twins,
) -> None:
    mail = tagged("both")
    with twins.ferried(twins.text(*single(BOB))) as ferry:
        twins.post(twins.first, mail)
        twins.post(twins.second, mail)
        process = ferry.start().ready()
        process.wait_until(lambda: twins.left() == 0)
        assert twins.arrived("both") == Counter([BOB])
        assert standing(ferry, "both", BOB)() == ["delivered", "suppressed"]
        agreed(ferry, process, 2)


def test_fault_43_a_mail_of_another_tenant_is_not_a_copy(twins: Twins) -> None:
    mail = tagged("apart")
    with twins.ferried(twins.text(*single(BOB), other_tenant=True)) as ferry:
        twins.post(twins.first, mail)
        twins.post(twins.second, mail)
        process = ferry.start().ready()
        process.wait_until(lambda: twins.left() == 0)
        assert twins.arrived("apart") == Counter([BOB, BOB])
        agreed(ferry, process, 2)


def test_every_copy_is_delivered_where_copies_are_not_searched_for(twins: Twins) -> None:
    mail = tagged("off")
    with twins.ferried(twins.text(*single(BOB), 'dedup = "off"')) as ferry:
        twins.post(twins.first, mail, mail)
        process = ferry.start().ready()
        process.wait_until(lambda: twins.left() == 0)
        assert twins.arrived("off") == Counter([BOB, BOB])


def test_another_text_with_the_same_message_id_is_a_copy_only_where_copies_are_found_by_message_id(
    twins: Twins,
) -> None:
    mails = tagged("same-id", body=b"one\r\n"), tagged("same-id", body=b"two\r\n")
    with twins.ferried(twins.text(*single(BOB), second=('dedup = "message-id"',))) as ferry:
        twins.post(twins.first, *mails)
        process = ferry.start().ready()
        process.wait_until(lambda: twins.left() == 0)
        assert twins.arrived("same-id") == Counter([BOB, BOB])
        twins.post(twins.second, *mails)
        process.wait_until(lambda: twins.left() == 0)
        assert twins.arrived("same-id") == Counter([BOB, BOB, BOB])


def test_a_copy_waits_for_the_one_on_its_way_and_is_suppressed_when_that_arrives(twins: Twins) -> None:
    mail = tagged("waits")
    twins.target.recipients[BOB] = "451 4.2.2 Later"
    with twins.ferried(twins.text(*single(BOB))) as ferry:
        look = standing(ferry, "waits", BOB)
        process = ferry.start().ready()
        twins.post(twins.first, mail)
        process.wait_until(lambda: "deferred" in look())
        twins.post(twins.second, mail)
        process.wait_until(lambda: "waiting" in look())
        assert twins.left() == 2
        del twins.target.recipients[BOB]
        process.wait_until(lambda: twins.left() == 0)
        assert (twins.arrived("waits"), look()) == (Counter([BOB]), ["delivered", "suppressed"])
        agreed(ferry, process, 2)


def test_a_copy_that_waits_is_delivered_when_the_one_on_its_way_fails(twins: Twins) -> None:
    mail = tagged("fails")
    twins.target.recipients[BOB] = "451 4.2.2 Later"
    with twins.ferried(twins.text(*single(BOB))) as ferry:
        look = standing(ferry, "fails", BOB)
        process = ferry.start().ready()
        twins.post(twins.first, mail)
        process.wait_until(lambda: "deferred" in look())
        twins.post(twins.second, mail)
        process.wait_until(lambda: "waiting" in look())
        twins.target.script["CONTENT"] = ["554 5.7.1 Looks like spam", "250 2.0.0 Accepted"]
        del twins.target.recipients[BOB]
        process.wait_until(lambda: twins.left() == 0)
        assert (twins.arrived("fails"), look()) == (Counter([BOB]), ["delivered", "parked"])
        agreed(ferry, process, 2)


def test_a_copy_that_waits_is_delivered_when_the_one_on_its_way_vanishes(twins: Twins) -> None:
    """The process dies while the first mail is on its way, and its mailbox is never visited again."""
    mail = tagged("vanishes")
    twins.target.recipients[BOB] = "451 4.2.2 Later"
    text = twins.text(*single(BOB))
    with twins.ferried(text) as ferry:
        look = standing(ferry, "vanishes", BOB)
        process = ferry.start().ready()
        twins.post(twins.first, mail)
        process.wait_until(lambda: "deferred" in look())
        twins.post(twins.second, mail)
        process.wait_until(lambda: "waiting" in look())
        process.kill()
        del twins.target.recipients[BOB]
        ferry.path.write_text(text.replace('name = "first"', 'name = "first"\nenabled = false'))
        process = ferry.start().ready()
        process.wait_until(lambda: twins.dovecot.remaining_count(twins.second.name) == 0)
        assert twins.arrived("vanishes") == Counter([BOB])
        ferry.path.write_text(text)
        agreed(ferry, process, 2)
        process = ferry.start().ready()
        process.wait_until(lambda: twins.left() == 0)
        assert (twins.arrived("vanishes"), look()) == (Counter([BOB]), ["delivered", "suppressed"])
        agreed(ferry, process, 2)


def test_a_later_copy_of_a_mail_without_envelope_goes_only_to_recipients_who_lack_it(twins: Twins) -> None:
    header = (f"To: {AMY}, {BOB}", "Message-ID: <guess@tags.example>", DATE, "X-Tag: guess", "", "Hello", "")
    mail = Tagged("guess", "\r\n".join(header).encode())
    twins.target.recipients[BOB] = "554 5.7.1 Not welcome"
    with twins.ferried(twins.text(*CATCH_ALL)) as ferry:
        process = ferry.start().ready()
        twins.post(twins.first, mail)
        process.wait_until(lambda: twins.left() == 0)
        assert twins.arrived("guess") == Counter([AMY])
        del twins.target.recipients[BOB]
        twins.post(twins.second, mail)
        process.wait_until(lambda: twins.left() == 0)
        assert twins.arrived("guess") == Counter([AMY, BOB])
        twins.post(twins.first, mail)
        process.wait_until(lambda: twins.left() == 0)
        assert twins.arrived("guess") == Counter([AMY, BOB])
        assert standing(ferry, "guess", AMY)() == ["delivered", "suppressed", "suppressed"]
        assert standing(ferry, "guess", BOB)() == ["delivered", "parked", "suppressed"]
        agreed(ferry, process, 3)


def test_copies_that_the_provider_marked_go_each_to_its_own_recipient(twins: Twins) -> None:
    header = (
        "Message-ID: <marked@tags.example>",
        DATE,
        f"To: {AMY}, {BOB}",
        "X-Tag: marked",
        "",
        "Hello",
        "",
    )
    copies = [
        Tagged("marked", "\r\n".join((f"X-Original-To: {each}", *header)).encode())
        for each in (AMY, BOB, AMY)
    ]
    with twins.ferried(twins.text(*CATCH_ALL)) as ferry:
        process = ferry.start().ready()
        twins.post(twins.first, *copies)
        process.wait_until(lambda: twins.left() == 0)
        assert twins.arrived("marked") == Counter([AMY, BOB])
        agreed(ferry, process, 3)


def test_a_large_copy_is_recognised_like_a_small_one(twins: Twins) -> None:
    mail = tagged("large", body=b"All work and no play.\r\n" * 50_000)
    with twins.ferried(twins.text(*single(BOB))) as ferry:
        twins.post(twins.first, mail)
        twins.post(twins.second, mail)
        process = ferry.start().ready()
        process.wait_until(lambda: twins.left() == 0)
        assert twins.arrived("large") == Counter([BOB])
        process.wait_until(lambda: not ferry.blobs())
        agreed(ferry, process, 2)


def test_a_mail_that_left_its_mailbox_long_ago_is_remembered(twins: Twins) -> None:
    """A copy is recognised after the first mail has left its source, also with a retention of no days."""
    mail = tagged("again")
    with twins.ferried(twins.text(*single(BOB), 'retention = "delete"')) as ferry:
        process = ferry.start().ready()
        for _ in range(3):
            twins.post(twins.first, mail)
            process.wait_until(lambda: twins.left() == 0)
        assert twins.arrived("again") == Counter([BOB])
        agreed(ferry, process, 3)
