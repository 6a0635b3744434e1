"""Mailferry is killed while it corrects its records: a mail has another UID, a UID another mail, an operator
discards a mail, or old records are pruned.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import Tagged, tag_of, tagged, tagged_mails
from tests.servers.available import require
from tests.servers.dovecot import Login
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records

KEPT = 'retention = "keep"'
REFUSED = "554 5.7.1 Not here"
BOB = "bob@corp.example"


@dataclass
class Crossing:
    """A source on one side, a target on the other."""

    source: Pop3Server
    target: SmtpServer
    directory: Path

    def ferry(self, *lines: str) -> Ferry:
        box = account("bob", self.source.port, Login("u", "secret"), *lines)
        return Ferry(self.directory, configuration([box], target=self.target.port))

    def shows(self, prefix: str, *mails: Tagged) -> None:
        """What the source lists from now on, each mail under this prefix and its number."""
        shown = [(f"{prefix}-{number}", mail.raw) for number, mail in enumerate(mails)]
        self.source.maildrops["u"].mails[:] = shown

    def arrived(self) -> list[str]:
        return sorted(tag_of(mail.content) for mail in self.target.accepted)


@pytest.fixture
def crossing(tmp_path: Path) -> Iterator[Crossing]:
    source = Pop3Server({"u": []})
    with in_background(source), in_background(SmtpServer()) as target:
        yield Crossing(source, target, tmp_path)


@pytest.mark.kill
def test_fault_34_a_kill_while_kept_mails_take_over_new_uids_delivers_none_again(crossing: Crossing) -> None:
    kept = tagged_mails("kept", 5)
    crossing.shows("old", *kept)
    with crossing.ferry(KEPT, 'dedup = "off"') as ferry:
        assert ferry.call("once").code == 0
        crossing.shows("new", *kept, tagged("late"))
        assert ferry.call("once", MAILFERRY_DIE_AT="fetcher.renamed").code == -signal.SIGKILL
        assert ferry.call("once").code == 0
    assert crossing.arrived() == [*(mail.tag for mail in kept), "late"]
    assert len(crossing.source.maildrops["u"].mails) == 6
    Records(ferry.path).assert_journal_agrees(6)


@pytest.mark.kill
def test_fault_34_a_kill_where_another_mail_has_the_uid_of_one_on_its_way_loses_neither_of_the_two(
    crossing: Crossing,
) -> None:
    """A mail under way was deleted at its source by somebody else. It is reported as lost."""
    first, other = tagged("first"), tagged("other")
    assert len(first.raw) == len(other.raw)
    crossing.shows("uid", first)
    with crossing.ferry() as ferry:
        assert ferry.call("once", MAILFERRY_DIE_AT="router.recorded").code == -signal.SIGKILL
        crossing.shows("uid", other)
        assert ferry.call("once", MAILFERRY_DIE_AT="fetcher.replaced-recorded").code == -signal.SIGKILL
        assert ferry.call("once").code == 0
        assert crossing.arrived() == ["other"]
        assert crossing.source.maildrops["u"].mails == []
        (lost,) = Records(ferry.path).stories("<first@tags.example>")
        assert lost["message"] in ferry.call("lost", "-o", "json").out
    Records(ferry.path).assert_journal_agrees(2)


@pytest.mark.kill
def test_fault_34_a_kill_while_a_mail_is_given_up_leaves_no_raw_mail_behind(crossing: Crossing) -> None:
    crossing.shows("uid", tagged("refused"))
    crossing.target.recipients[BOB] = REFUSED
    with crossing.ferry() as ferry:
        assert ferry.call("once").code == 0
        records = Records(ferry.path)
        discard = ("parked", "discard", "--yes", records.parked()["refused"])
        assert ferry.call(*discard, MAILFERRY_DIE_AT="parked.discarded").code == -signal.SIGKILL
        assert len(ferry.blobs()) == 1
        assert records.parked() == {}
        process = ferry.start()
        process.wait_until(lambda: ferry.blobs() == [])
        assert process.terminate() == 0
    records.assert_journal_agrees(1)


@pytest.mark.kill
def test_fault_34_a_kill_while_mails_are_pruned_forgets_none_that_is_parked(crossing: Crossing) -> None:
    months_later = {
        "LD_PRELOAD": str(require("faketime")),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME": "+100d",
    }
    refused = tagged("refused", to="eve@corp.example")
    crossing.shows("uid", *tagged_mails("gone", 3), refused)
    crossing.target.recipients["eve@corp.example"] = REFUSED
    with crossing.ferry('mailbox = "catch-all"', 'domains = { "corp.example" = "keep" }') as ferry:
        for _ in range(2):
            assert ferry.call("once").code == 0
        records = Records(ferry.path)
        records.assert_journal_agrees(4)
        killed = ferry.start(MAILFERRY_DIE_AT="fetcher.pruned", **months_later)
        assert killed.ended() == -signal.SIGKILL
        records.assert_journal_agrees(1)
        process = ferry.start(**months_later).ready()
        assert process.terminate() == 0
    records.assert_journal_agrees(1)
    assert records.output_of("parked", "export", records.parked()["refused"]) == refused.raw
