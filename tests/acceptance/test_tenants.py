"""One tenant's backlog does not hold up another tenant's mail."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tag_of, tagged, tagged_mails
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration

BACKLOG = 3000
HUGE = b"0123456789abcde\r\n" * (8 * 1024**2 // 17)


def test_fault_44_a_large_backlog_and_a_huge_mail_let_another_tenants_mails_pass(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    crowd, other = dovecot.new_user(), dovecot.new_user()
    backlog = [tagged("huge", body=HUGE), *tagged_mails("crowd", BACKLOG)]
    dovecot.fill(crowd.name, [mail.raw for mail in backlog])
    accounts = [
        account("crowd", dovecot.pop3_port, crowd),
        account("other", dovecot.pop3_port, other, 'tenant = "globex"').replace('tenant = "acme"\n', "", 1),
    ]
    with in_background(SmtpServer()) as target:
        text = configuration(accounts, target=target.port, fetcher="window_messages = 50", connections=2)
        with Ferry(tmp_path, text) as ferry:
            process = ferry.start()
            process.wait_until(lambda: len(target.accepted) >= 50)
            for mail in tagged_mails("other", 5, to="other@corp.example"):
                dovecot.fill(other.name, [mail.raw])
                process.wait_until(lambda: dovecot.remaining_count(other.name) == 0)
            assert dovecot.remaining_count(crowd.name) > BACKLOG / 3
            process.kill()
    arrived = [tag_of(mail.content) for mail in target.accepted]
    assert [tag for tag in arrived if tag.startswith("other")] == [f"other-{each}" for each in range(1, 6)]
