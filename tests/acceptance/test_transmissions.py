"""Two transmissions of the same text are two mails, and copies of one transmission are one mail."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration, single

BOB, ANNA = "bob@corp.example", "anna@corp.example"
CATCH_ALL = ('mailbox = "catch-all"', 'domains = { "corp.example" = "keep" }')
KINDS = pytest.mark.parametrize("mailbox", [single(BOB), CATCH_ALL], ids=["single", "catch-all"])

CONSTANT_ID = "Message-ID: <alarm@device.example>"
OLD_CLOCK = "Date: Thu, 01 Jan 1970 00:00:07 +0000"
DATE = "Date: Mon, 02 Nov 2026 08:00:00 +0000"
SENT = {
    "no Message-ID and an old clock": (OLD_CLOCK,),
    "no Message-ID": (DATE,),
    "a constant Message-ID without Date": (CONSTANT_ID,),
    "neither of them": (),
}


def received(time: str, queue_id: str, to: str = "") -> str:
    """The Received line that the provider adds at the top."""
    clause = f" for <{to}>" if to else ""
    return (
        "Received: from device.example (device.example [192.0.2.7]) by mx.isp.example (Postfix)"
        f" with ESMTP id {queue_id}{clause}; Mon, 02 Nov 2026 {time} +0000"
    )


def mail(*lines: str, to: str = BOB) -> bytes:
    own = ("From: device@device.example", f"To: {to}", "Subject: Alarm", "", "Door open", "")
    return "\r\n".join((*lines, *own)).encode()


@dataclass(frozen=True)
class Place:
    """A mailbox and the target."""

    dovecot: Dovecot
    login: Login
    target: SmtpServer
    ferry: Ferry

    def post(self, *mails: bytes) -> None:
        self.dovecot.fill(self.login.name, mails)

    def carry(self) -> dict[str, int]:
        """Make a pass; returns its numbers."""
        ended = self.ferry.call("once", "-o", "json")
        assert ended.code == 0, ended.err
        (row,) = json.loads(ended.out)
        assert self.dovecot.remaining_count(self.login.name) == 0
        return {name: row[name] for name in ("fetched", "delivered", "suppressed")}

    def arrived(self) -> Counter[str]:
        return Counter(recipient for each in self.target.accepted for recipient in each.recipients)


@pytest.fixture
def place(dovecot: Dovecot, dovecot_user: Login, mailbox: tuple[str, ...], tmp_path: Path) -> Iterator[Place]:
    target = SmtpServer()
    with in_background(target):
        text = configuration([account("box", dovecot.pop3_port, dovecot_user, *mailbox)], target=target.port)
        with Ferry(tmp_path, text) as ferry:
            yield Place(dovecot, dovecot_user, target, ferry)


@KINDS
@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
def test_each_transmission_of_a_weak_mail_is_delivered(place: Place, sent: tuple[str, ...]) -> None:
    morning, noon = (
        mail(received(time, queue), *sent) for time, queue in (("08:00:00", "4A"), ("12:00:00", "4B"))
    )
    place.post(morning, noon)
    assert place.carry() == {"fetched": 2, "delivered": 2, "suppressed": 0}
    evening = mail(received("20:00:00", "4C"), *sent)
    place.post(evening)
    assert place.carry() == {"fetched": 1, "delivered": 1, "suppressed": 0}
    assert place.arrived() == {BOB: 3}


@KINDS
@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
def test_mails_without_a_received_line_are_not_taken_for_copies(place: Place, sent: tuple[str, ...]) -> None:
    place.post(mail(*sent), mail(*sent))
    assert place.carry() == {"fetched": 2, "delivered": 2, "suppressed": 0}


@KINDS
@pytest.mark.parametrize(
    "line", ["Resent-Date: Tue, 03 Nov 2026 08:{}:00 +0000", "Resent-Message-ID: <r{}@x>"]
)
def test_a_mail_sent_again_is_delivered_again(place: Place, line: str) -> None:
    top = received("08:00:00", "4A"), received("08:00:30", "4B"), received("08:00:50", "4C")
    resent = ["Resent-From: carol@x.example", f"Resent-To: {BOB}"]
    place.post(
        mail(top[0], CONSTANT_ID, DATE),
        mail(top[1], line.format(10), *resent, CONSTANT_ID, DATE),
        mail(top[2], line.format(20), *resent, CONSTANT_ID, DATE),
    )
    assert place.carry() == {"fetched": 3, "delivered": 3, "suppressed": 0}


@KINDS
def test_copies_of_one_transmission_are_suppressed_and_counted(place: Place) -> None:
    place.post(
        mail(received("08:00:58", "4A", BOB), OLD_CLOCK, to=f"{BOB}, alias@other.example"),
        mail(received("08:01:02", "4B"), OLD_CLOCK, to=f"{BOB}, alias@other.example"),
    )
    assert place.carry() == {"fetched": 2, "delivered": 1, "suppressed": 1}
    place.post(mail(received("08:03:00", "4C"), OLD_CLOCK, to=f"{BOB}, alias@other.example"))
    assert place.carry() == {"fetched": 1, "delivered": 0, "suppressed": 1}
    status = json.loads(place.ferry.call("status", "-o", "json").out)
    assert [row["suppressed"] for row in status["accounts"]] == [2]
    assert place.arrived() == {BOB: 1}


@KINDS
def test_copies_of_a_strong_mail_are_recognised_whenever_they_come(place: Place) -> None:
    place.post(*(mail(received(time, time[:2]), CONSTANT_ID, DATE) for time in ("08:00:00", "17:00:00")))
    assert place.carry() == {"fetched": 2, "delivered": 1, "suppressed": 1}


@KINDS
@pytest.mark.parametrize("sent", [OLD_CLOCK, CONSTANT_ID, "X-None: of both"])
def test_a_mail_that_the_source_lists_under_a_new_uid_is_recognised(place: Place, sent: str) -> None:
    once = mail(received("08:00:00", "4A"), sent)
    place.post(once)
    assert place.carry() == {"fetched": 1, "delivered": 1, "suppressed": 0}
    place.post(once)
    assert place.carry() == {"fetched": 1, "delivered": 0, "suppressed": 1}


@pytest.mark.parametrize("mailbox", [CATCH_ALL], ids=["catch-all"])
def test_each_recipient_gets_one_copy_of_a_weak_mail_that_came_once_for_each(place: Place) -> None:
    place.post(
        *(
            mail(received(time, queue), OLD_CLOCK, to=f"{BOB}, {ANNA}")
            for time, queue in (("08:00:00", "4A"), ("08:02:10", "4B"))
        )
    )
    assert place.carry() == {"fetched": 2, "delivered": 2, "suppressed": 2}
    assert place.arrived() == {BOB: 1, ANNA: 1}
