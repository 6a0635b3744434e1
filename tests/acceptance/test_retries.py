"""The database holds the time of a retry, so that a restart or a kill does not make it earlier."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.command import configured, letter, mailferry
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tag_of, tagged
from tests.servers.available import require
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records

BOB, EVE = "bob@corp.example", "eve@corp.example"
BOTH = ('mailbox = "catch-all"', 'domains = { "corp.example" = "keep" }', 'unknown_recipients = "refuse"')
GREYLISTED = "451 4.7.1 Greylisted, come back later"
RETRIES = "mailferry_relay_retries_total"
TOO_EARLY = 'mailferry_relay_put_off_total{reason="early"}'
FETCHED = "mailferry_fetcher_mails_fetched_total"
VISITS = 'mailferry_fetcher_visits_total{outcome="ok"}'


def asked_about(target: SmtpServer) -> list[str]:
    """The recipients of all RCPT commands at the target so far."""
    return [line.split("<")[1].split(">")[0] for line in target.commands if line.startswith("RCPT")]


def visits_again(process: FerryProcess) -> None:
    """Wait until the source was visited some more times."""
    visits = process.metric(VISITS)
    process.wait_until(lambda: process.metric(VISITS) >= visits + 3)


@pytest.mark.kill
@pytest.mark.parametrize("killed", [True, False])
def test_after_a_restart_a_target_is_not_asked_before_the_retry_is_due(
    killed: bool, dovecot: Dovecot, tmp_path: Path
) -> None:
    two_hours_later = {
        "LD_PRELOAD": str(require("faketime")),
        "FAKETIME": "+2h",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    login = dovecot.new_user()
    mail = tagged("greylisted", to=f"{BOB}, {EVE}")
    dovecot.fill(login.name, [mail.raw])
    with in_background(SmtpServer(recipients={BOB: GREYLISTED})) as target:
        text = configuration([account("all", dovecot.pop3_port, login, *BOTH)], target=target.port)
        with Ferry(tmp_path, text.replace('retry_delays = ["1s"]', 'retry_delays = ["1h"]')) as ferry:
            process = ferry.start().ready()
            process.wait_until(lambda: process.metric(RETRIES) == 1)
            if killed:
                process.kill()
            else:
                assert process.terminate() == 0
            target.recipients.clear()

            process = ferry.start().ready()
            process.wait_until(lambda: process.metric(TOO_EARLY) == 1)
            visits_again(process)
            assert process.metric(FETCHED) == 1
            assert process.terminate() == 0
            assert sorted(asked_about(target)) == [BOB, EVE]
            [story] = json.loads(Records(ferry.path).output_of("trace", BOB, "-o", "json"))
            assert (
                "to be delivered when its retry is due"
                in Records(ferry.path).output_of("trace", BOB).decode()
            )
            waiting = {each["address"]: (each["status"], each["attempt"]) for each in story["recipients"]}
            assert waiting == {BOB: ("deferred", 1), EVE: ("delivered", 1)}

            process = ferry.start(**two_hours_later).ready()
            process.wait_until(lambda: dovecot.remaining_count(login.name) == 0)
            assert process.terminate() == 0
            Records(ferry.path).assert_journal_agrees(1)
    assert sorted(asked_about(target)) == [BOB, BOB, EVE]
    arrived = [(tag_of(each.content), each.recipients) for each in target.accepted]
    assert arrived == [("greylisted", (EVE,)), ("greylisted", (BOB,))]


async def test_a_pass_retries_at_once_the_mail_that_an_earlier_pass_deferred(tmp_path: Path) -> None:
    async with (
        Pop3Server({"u": [("uid-1", letter(1, BOB))]}) as source,
        SmtpServer(recipients={BOB: GREYLISTED}) as target,
    ):
        path = configured(tmp_path, source=source.port, target=target.port)
        assert (await mailferry("once", "-c", path)).code == 75
        target.recipients.clear()
        assert (await mailferry("once", "-c", path)).code == 0
        assert source.deleted("u") == ["uid-1"]
    assert asked_about(target) == [BOB, BOB]
