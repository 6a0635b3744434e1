"""IMAP sessions that stay open between visits, at a real Dovecot."""

from __future__ import annotations

import imaplib
import signal
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tag_of, tagged_mails
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ferry_config import account, configuration

KEPT = "mailferry_fetcher_sessions_kept"


def logins_of(dovecot: Dovecot, user: str) -> int:
    return dovecot.log().count(f"imap-login: Info: Login: user=<{user}>")


def wait_for_mails(process: FerryProcess, target: SmtpServer, count: int) -> None:
    process.wait_until(lambda: len(target.accepted) == count)


def test_mail_is_fetched_when_it_comes_and_not_when_the_next_visit_is_due(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    login = dovecot.new_user()
    mails = tagged_mails("amy", 3, to="amy@corp.example")
    lines = ('watch = "idle"', 'poll = "1h"', 'retention = "keep"')
    with in_background(SmtpServer()) as target:
        accounts = [account("amy", dovecot.imap_port, login, *lines, scheme="imap")]
        with Ferry(tmp_path, configuration(accounts, target=target.port)) as ferry:
            process = ferry.start().ready()
            process.wait_until(lambda: process.metric("mailferry_fetcher_sessions_kept") == 1)
            for number, mail in enumerate(mails, 1):
                dovecot.fill(login.name, [mail.raw])
                wait_for_mails(process, target, number)
                process.wait_until(lambda: process.metric("mailferry_fetcher_sessions_kept") == 1)
            assert process.terminate() == 0
            assert ferry.call("journal", "verify").out == "3 mails, no differences\n"
    assert sorted(tag_of(each.content) for each in target.accepted) == sorted(mail.tag for mail in mails)
    assert logins_of(dovecot, login.name) == 1


def test_mail_in_each_of_several_folders_is_told_of_in_one_session(dovecot: Dovecot, tmp_path: Path) -> None:
    """By NOTIFY: IDLE tells of one folder, and with the next visit in an hour no poll finds the mail.

    Dovecot tells of other folders only what it did itself, so that mail comes by APPEND.
    """
    login = dovecot.new_user()
    other_client = imaplib.IMAP4(dovecot.host, dovecot.imap_port)
    other_client.login(login.name, login.password)
    folders = ["Lists", "INBOX", "Spam", "Lists", "INBOX"]
    for folder in {*folders} - {"INBOX"}:
        other_client.create(folder)
    mails = tagged_mails("amy", len(folders), to="amy@corp.example")
    lines = ('watch = "auto"', 'poll = "1h"', 'retention = "keep"', 'folders = ["*"]')
    with in_background(SmtpServer()) as target:
        accounts = [account("amy", dovecot.imap_port, login, *lines, scheme="imap")]
        with Ferry(tmp_path, configuration(accounts, target=target.port)) as ferry:
            process = ferry.start().ready()
            process.wait_until(lambda: process.metric(KEPT) == 1)
            for number, (mail, folder) in enumerate(zip(mails, folders, strict=True), 1):
                other_client.append(folder, "", "", mail.raw)
                wait_for_mails(process, target, number)
                process.wait_until(lambda: process.metric(KEPT) == 1)
            assert process.terminate() == 0
    other_client.logout()
    assert sorted(tag_of(each.content) for each in target.accepted) == sorted(mail.tag for mail in mails)
    assert logins_of(dovecot, login.name) == 2, "that of the other client, and ours"


@pytest.mark.parametrize("watch", ["idle", "keep", "auto"])
def test_the_session_ends_of_an_account_that_is_paused_or_switched_off(
    watch: str, dovecot: Dovecot, tmp_path: Path
) -> None:
    login = dovecot.new_user()
    lines = (f'watch = "{watch}"', 'poll = "1h"', 'retention = "keep"')
    text = configuration([account("amy", dovecot.imap_port, login, *lines, scheme="imap")], target=1)
    with Ferry(tmp_path, text) as ferry:
        process = ferry.start().ready()
        process.wait_until(lambda: process.metric(KEPT) == 1)
        assert ferry.call("pause", "acme/amy").code == 0
        process.wait_until(lambda: process.metric(KEPT) == 0)
        assert ferry.call("resume", "acme/amy").code == 0
        process.wait_until(lambda: process.metric(KEPT) == 1)
        ferry.path.write_text(text.replace(lines[0], f"{lines[0]}\nenabled = false"))
        process.send(signal.SIGHUP)
        process.wait_until(lambda: process.metric(KEPT) == 0)
        assert process.terminate() == 0


def test_a_session_that_is_kept_serves_one_visit_after_the_other(dovecot: Dovecot, tmp_path: Path) -> None:
    login = dovecot.new_user()
    mails = tagged_mails("amy", 3, to="amy@corp.example")
    lines = ('watch = "keep"', 'poll = "1s"', 'retention = "delete"')
    with in_background(SmtpServer()) as target:
        accounts = [account("amy", dovecot.imap_port, login, *lines, scheme="imap")]
        with Ferry(tmp_path, configuration(accounts, target=target.port)) as ferry:
            process = ferry.start().ready()
            for number, mail in enumerate(mails, 1):
                dovecot.fill(login.name, [mail.raw])
                wait_for_mails(process, target, number)
                process.wait_until(lambda: dovecot.remaining_count(login.name) == 0)
            assert process.terminate() == 0
    assert logins_of(dovecot, login.name) == 1
