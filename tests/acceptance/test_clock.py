"""Retention counts days correctly, also where a clock was wrong and is corrected."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tag_of, tagged, tagged_mails
from tests.servers.available import require
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration


@pytest.fixture
def wrong_clock() -> dict[str, str]:
    """The environment in which a process reads another time."""
    return {"LD_PRELOAD": str(require("faketime")), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def test_fault_35_a_mail_leaves_the_source_when_its_retention_is_over_and_not_before(
    dovecot: Dovecot, wrong_clock: dict[str, str], tmp_path: Path
) -> None:
    login, mails = dovecot.new_user(), tagged_mails("aging", 3)
    dovecot.fill(login.name, [mail.raw for mail in mails])
    with in_background(SmtpServer()) as target:
        mailbox = account("bob", dovecot.pop3_port, login, 'retention = "7d"')
        with Ferry(tmp_path, configuration([mailbox], target=target.port)) as ferry:
            left = []
            for offset in ("+0d", "+6d", "-1d", "+8d"):
                ended = ferry.call("once", FAKETIME=offset, **wrong_clock)
                assert (ended.code, ended.err) == (0, ""), ended.out
                left.append(dovecot.remaining_count(login.name))
    assert left == [3, 3, 3, 0]
    assert len(target.accepted) == 3


def test_fault_35_a_mail_fetched_while_the_clock_was_years_behind_does_not_leave_early(
    dovecot: Dovecot, wrong_clock: dict[str, str], tmp_path: Path
) -> None:
    """Its days count from when a process first saw the right time, here one that was restarted."""
    login, mails = dovecot.new_user(), tagged_mails("aging", 2)
    dovecot.fill(login.name, [mail.raw for mail in mails])
    with in_background(SmtpServer()) as target:
        mailbox = account("bob", dovecot.pop3_port, login, 'retention = "7d"')
        with Ferry(tmp_path, configuration([mailbox], target=target.port)) as ferry:
            left = []
            for offset in ("-2000d", "+0d", "+6d", "+8d"):
                ended = ferry.call("once", FAKETIME=offset, **wrong_clock)
                assert ended.code == 0, ended.out + ended.err
                left.append(dovecot.remaining_count(login.name))
    assert left == [2, 2, 2, 0]
    assert len(target.accepted) == 2


def test_fault_35_a_clock_corrected_while_mailferry_runs_lets_no_mail_leave_early(
    dovecot: Dovecot, wrong_clock: dict[str, str], tmp_path: Path
) -> None:
    login, mails = dovecot.new_user(), tagged_mails("aging", 2)
    dovecot.fill(login.name, [mail.raw for mail in mails])
    clock = tmp_path / "clock"
    clock.write_text("-2000d")
    with in_background(SmtpServer()) as target:
        mailbox = account("bob", dovecot.pop3_port, login, 'retention = "7d"')
        with Ferry(tmp_path, configuration([mailbox], target=target.port)) as ferry:
            environ = {"FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1", **wrong_clock}
            process = ferry.start(**environ).ready()
            process.wait_until(lambda: len(target.accepted) == 2)
            visits = process.metric('mailferry_fetcher_visits_total{outcome="ok"}')
            clock.write_text("+0d")
            process.wait_until(
                lambda: process.metric('mailferry_fetcher_visits_total{outcome="ok"}') >= visits + 3
            )
            assert process.terminate() == 0
            assert dovecot.remaining_count(login.name) == 2
            for offset, remaining in (("+6d", 2), ("+8d", 0)):
                assert ferry.call("once", FAKETIME=offset, **wrong_clock).code == 0
                assert dovecot.remaining_count(login.name) == remaining


def test_fault_35_a_corrected_clock_delays_no_account(
    dovecot: Dovecot, wrong_clock: dict[str, str], tmp_path: Path
) -> None:
    login = dovecot.new_user()
    with in_background(SmtpServer()) as target:
        text = configuration([account("bob", dovecot.pop3_port, login)], target=target.port)
        with Ferry(tmp_path, text) as ferry:
            for tag, offset in (("ahead", "+40d"), ("put-right", "+0d"), ("behind", "-1d")):
                dovecot.fill(login.name, [tagged(tag).raw])
                process = ferry.start(FAKETIME=offset, **wrong_clock)
                process.wait_until(lambda: dovecot.remaining_count(login.name) == 0)
                assert process.terminate() == 0
    assert [tag_of(mail.content) for mail in target.accepted] == ["ahead", "put-right", "behind"]
