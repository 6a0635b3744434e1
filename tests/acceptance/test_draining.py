"""TERM: deliveries under way are finished and recorded, and no other is begun."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.fakes.background import in_background
from tests.fakes.smtp_server import Act, SmtpServer
from tests.fakes.tagged import tag_of, tagged_mails
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records, copies

BOB = "bob@corp.example"
MAILS = tagged_mails("drained", 90)


def test_fault_36_term_finishes_deliveries_under_way_and_leaves_none_in_doubt(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, [mail.raw for mail in MAILS])
    with in_background(SmtpServer()) as target:
        text = configuration(
            [account("bob", dovecot.pop3_port, login)], target=target.port, fetcher="window_messages = 10"
        )
        with Ferry(tmp_path, text) as ferry:
            records, first = Records(ferry.path), ferry.start()
            first.wait_until(lambda: len(target.accepted) >= 20)
            assert first.terminate() == 0
            recorded = {tag for tag, _ in records.delivered([BOB])}
            assert recorded == {tag_of(mail.content) for mail in target.accepted}
            second = ferry.start()
            second.wait_until(lambda: dovecot.remaining_count(login.name) == 0)
            assert second.terminate() == 0
        assert copies(target.accepted) == {(mail.tag, BOB): 1 for mail in MAILS}
        assert records.in_doubt([BOB]).total() == 0


def test_fault_36_a_second_term_does_not_wait_for_a_target_that_is_silent(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, [MAILS[0].raw])
    with in_background(SmtpServer(replies={"CONTENT": Act.SILENCE})) as target:
        text = configuration([account("bob", dovecot.pop3_port, login)], target=target.port)
        with Ferry(tmp_path, text) as ferry:
            process = ferry.start()
            process.wait_until(lambda: target.seen)
            process.send(signal.SIGTERM)
            process.wait_until(lambda: process.said("stopping"))
            process.send(signal.SIGTERM)
            assert process.ended() != 0
            assert dovecot.remaining_count(login.name) == 1
            Records(ferry.path).assert_journal_agrees(1)
