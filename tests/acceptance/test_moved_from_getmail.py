"""Mailboxes that getmail carried, and that Mailferry carries on with, by its oldmail files."""

from __future__ import annotations

import imaplib
import poplib
from pathlib import Path

import pytest

from shared.adapters.sql import open_store
from shared.operations.importing import Choices, SaveStatus, plan_import, save
from tests.fakes.command import letter, mailferry
from tests.fakes.database import write_empty_database
from tests.fakes.saved_accounts import ConfigurationFile
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ports import LOOPBACK
from tests.servers.smtp_sink import SmtpSink

BOB = "bob@corp.example"


def getmailrc(directory: Path, kind: str, port: int, login: Login, target: int) -> Path:
    path = directory / "getmailrc"
    path.write_text(
        f"[retriever]\ntype = {kind}\nserver = {LOOPBACK}\nport = {port}\nusername = {login.name}\n"
        f"password = {login.password}\n[destination]\ntype = MDA_lmtp\nhost = {LOOPBACK}\nport = {target}\n"
        f"override = {BOB}\n[options]\nread_all = false\n",
        "utf-8",
    )
    return path


def seen_by_imap(dovecot: Dovecot, login: Login) -> list[str]:
    """The ids of all mails, as getmail notes them."""
    with imaplib.IMAP4(LOOPBACK, dovecot.imap_port) as session:
        session.login(login.name, login.password)
        session.select("INBOX", readonly=True)
        (validity,) = session.response("UIDVALIDITY")[1]
        (uids,) = session.uid("SEARCH", "ALL")[1]
        return [f"{validity.decode()}/{uid.decode()}" for uid in uids.split()]


def seen_by_pop3(dovecot: Dovecot, login: Login) -> list[str]:

    session = poplib.POP3(LOOPBACK, dovecot.pop3_port)
    session.user(login.name)
    session.pass_(login.password)
    ids = [line.split(b" ", 1)[1].decode() for line in session.uidl()[1]]
    session.quit()
    return ids


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
async def test_mail_that_getmail_delivered_and_kept_is_not_delivered_again(
    dovecot: Dovecot, lmtp_sink: SmtpSink, tmp_path: Path, protocol: str
) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, [letter(number, BOB) for number in range(3)])
    is_imap = protocol == "imap"
    ids = seen_by_imap(dovecot, login) if is_imap else seen_by_pop3(dovecot, login)
    port = dovecot.imap_port if is_imap else dovecot.pop3_port
    state = tmp_path / f"oldmail-{LOOPBACK}-{port}-{login.name}{'-INBOX' if is_imap else ''}"
    state.write_bytes("".join(f"{each}\0001764547200\n" for each in ids).encode())
    dovecot.fill(login.name, [letter(9, BOB)])
    write_empty_database(tmp_path / "mailferry.db")
    path = tmp_path / "mailferry.toml"

    kind = "SimpleIMAPRetriever" if is_imap else "SimplePOP3Retriever"
    rc = getmailrc(tmp_path, kind, port, login, lmtp_sink.port)
    plan = plan_import(rc, "getmailrc", Choices(), [state])
    [row] = plan.rows
    assert row.is_usable, row.findings
    assert len(plan.known[row.account_id]) == 3
    store = open_store(f"sqlite://{tmp_path}/mailferry.db")
    results = await save(ConfigurationFile(path), store.operator, plan, 1000.0)
    await store.close()
    assert [each.status for each in results] == [SaveStatus.ADDED]

    before = len(lmtp_sink.mails())
    for _ in range(2):
        ended = await mailferry("once", "-c", path)
        assert ended.code == 0, ended.out + ended.err
    [mail] = lmtp_sink.mails()[before:]
    assert b"Subject: Mail 9" in mail.content
    assert dovecot.remaining_count(login.name) == 4
