"""Blind copies in a catch-all mailbox: each mail reaches a recipient, the postmaster or an operator."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tag_of
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records

ANNA, BOB, CAROL = "anna@corp.example", "bob@corp.example", "carol@corp.example"
POSTMASTER = "postmaster@corp.example"
CATCH_ALL = ('mailbox = "catch-all"', 'domains = { "corp.example" = "keep" }')
TO_POSTMASTER = f'unknown_recipients = "{POSTMASTER}"'
UNNAMED = "a copy for somebody unnamed"


@dataclass(frozen=True)
class Scene:
    """One catch-all mailbox and one target."""

    dovecot: Dovecot
    login: Login
    target: SmtpServer
    directory: Path

    def ferry(self, *lines: str) -> Ferry:
        part = account("all", self.dovecot.pop3_port, self.login, *CATCH_ALL, *lines)
        return Ferry(self.directory, configuration([part], target=self.target.port))

    def passed(self, ferry: Ferry, *mails: bytes) -> None:
        """These mails were put into the mailbox, and one pass carried them all."""
        self.dovecot.fill(self.login.name, mails)
        assert ferry.call("once").code == 0
        assert self.dovecot.remaining_count(self.login.name) == 0

    def arrived(self) -> Counter[tuple[str, str]]:
        """Tag and recipient of the accepted mails."""
        return Counter(
            (tag_of(mail.content), recipient)
            for mail in self.target.accepted
            for recipient in mail.recipients
        )


@pytest.fixture
def scene(dovecot: Dovecot, tmp_path: Path) -> Iterator[Scene]:
    target = SmtpServer()
    with in_background(target):
        yield Scene(dovecot, dovecot.new_user(), target, tmp_path)


def letter(tag: str, *lines: str, to: str = BOB) -> bytes:
    own = (
        f"Message-ID: <{tag}@tags.example>",
        "Date: Mon, 02 Nov 2026 10:00:00 +0000",
        "From: Eve <eve@sender.example>",
        f"To: {to}",
        f"X-Tag: {tag}",
    )
    return "\r\n".join((*lines, *own, "", "Hello", "")).encode()


def filtered(recipient: str) -> tuple[str, ...]:
    """The provider's Received lines around its content filter, on a copy for `recipient`."""
    return (
        "Received: by mail.isp.example (Postfix) id 4 for <collect@isp.example>",
        "Received: from localhost (localhost [127.0.0.1])\r\n\tby mail.isp.example (Postfix) with ESMTP id 3",
        (
            "Received: from mail.isp.example ([127.0.0.1])\r\n\tby localhost (mail.isp.example [127.0.0.1])"
            " (amavisd-new, port 10024)\r\n\twith ESMTP id 2"
        ),
        (
            "Received: from out.sender.example (out.sender.example [192.0.2.1])\r\n\tby mail.isp.example"
            f" (Postfix) with ESMTP id 1\r\n\tfor <{recipient}>; Mon, 02 Nov 2026 10:00:00 +0000"
        ),
        "Received: from eve.sender.example by out.sender.example with ESMTP id 0 for <eve@corp.example>",
    )


def reasons(ferry: Ferry, tag: str) -> list[str]:
    """Why copies of a mail went to the postmaster or were parked."""
    return [
        recipient["reason"]
        for story in Records(ferry.path).stories(f"{tag}@tags.example")
        for recipient in story["recipients"]
        if recipient["address"] in (POSTMASTER, "")
    ]


def test_behind_a_content_filter_named_and_blind_copy_recipients_get_the_mail(
    scene: Scene,
) -> None:
    with scene.ferry(TO_POSTMASTER) as ferry:
        scene.passed(ferry, letter("filter", *filtered(BOB)), letter("filter", *filtered(ANNA)))
        assert scene.arrived() == Counter([("filter", BOB), ("filter", ANNA)])
        Records(ferry.path).assert_journal_agrees(2)


def test_a_copy_for_an_unnamed_recipient_goes_to_the_postmaster_once(scene: Scene) -> None:
    with scene.ferry(TO_POSTMASTER) as ferry:
        scene.passed(ferry, letter("unnamed"), letter("unnamed"), letter("unnamed"))
        assert scene.arrived() == Counter([("unnamed", BOB), ("unnamed", POSTMASTER)])
        assert set(reasons(ferry, "unnamed")) == {f"postmaster, because it is {UNNAMED}"}
        Records(ferry.path).assert_journal_agrees(3)


def test_a_copy_for_an_unnamed_recipient_may_come_in_a_later_pass(scene: Scene) -> None:
    with scene.ferry(TO_POSTMASTER) as ferry:
        scene.passed(ferry, letter("later"))
        assert scene.arrived() == Counter([("later", BOB)])
        scene.passed(ferry, letter("later"))
        assert scene.arrived() == Counter([("later", BOB), ("later", POSTMASTER)])
        scene.passed(ferry, letter("later"))
        assert scene.arrived() == Counter([("later", BOB), ("later", POSTMASTER)])
        Records(ferry.path).assert_journal_agrees(3)


def test_as_many_copies_as_named_recipients_are_no_sign_of_a_blind_copy(scene: Scene) -> None:
    copies = [letter("three", to=f"{ANNA}, {BOB}, {CAROL}")] * 3
    with scene.ferry(TO_POSTMASTER) as ferry:
        scene.passed(ferry, *copies)
        assert scene.arrived() == Counter([("three", ANNA), ("three", BOB), ("three", CAROL)])
        scene.passed(ferry, copies[0])
        assert scene.arrived()["three", POSTMASTER] == 1
        Records(ferry.path).assert_journal_agrees(4)


def test_without_a_postmaster_a_copy_for_an_unnamed_recipient_is_parked(scene: Scene) -> None:
    with scene.ferry() as ferry:
        scene.passed(ferry, letter("parked"), letter("parked"))
        assert scene.arrived() == Counter([("parked", BOB)])
        assert reasons(ferry, "parked") == [UNNAMED]
        parked = json.loads(ferry.call("parked", "list", "-o", "json").out)
        assert len(parked) == 1
        Records(ferry.path).assert_journal_agrees(2)


def test_copies_for_unnamed_recipients_are_suppressed_where_the_account_says_so(scene: Scene) -> None:
    with scene.ferry(TO_POSTMASTER, 'surplus_copies = "suppress"') as ferry:
        scene.passed(ferry, letter("off"), letter("off"))
        assert scene.arrived() == Counter([("off", BOB)])
        Records(ferry.path).assert_journal_agrees(2)


def test_odd_to_fields_are_read_and_unreadable_ones_go_to_the_postmaster(scene: Scene) -> None:
    with scene.ferry(TO_POSTMASTER) as ferry:
        scene.passed(
            ferry,
            letter("written", to=f'Bob {BOB}, "{ANNA}", "{CAROL}" <x@other.example>'),
            letter("unread", to=f"{BOB}, carol..meier@corp.example"),
        )
        assert scene.arrived() == Counter(
            [("written", BOB), ("written", ANNA), ("unread", BOB), ("unread", POSTMASTER)]
        )
