"""Mails in custody, and copies, whose folder or UID changes: each is delivered once and not read again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.fakes.command import CATCH_ALL, configured, letter, mailferry
from tests.fakes.imap_selected import header_of
from tests.fakes.imap_server import CAPABILITIES, FakeImapSession, ImapServer
from tests.fakes.imap_wire import literal
from tests.fakes.smtp_server import SmtpServer
from tests.integration.imap.test_dovecot import another_client
from tests.servers.dovecot import Dovecot, Login

BOB = "bob@corp.example"
DEFERRED = "451 4.3.0 Later"
RELAY = 'retry_delays = ["1s"]'
EACH = f'{CATCH_ALL}\ndedup = "off"'
KEPT = f'{EACH}\nretention = "keep"'
ALL_FOLDERS = f'{KEPT}\nfolders = ["*"]'


def box(*numbers: int) -> list[bytes]:
    return [letter(number, BOB) for number in numbers]


def imap(directory: Path, source: int, target: SmtpServer, account: str, login: Login | None = None) -> Path:
    path = configured(directory, source=source, target=target.port, account=account, relay=RELAY)
    text = path.read_text().replace("pop3://u@", "imap://u@")
    if login is not None:
        text = text.replace("imap://u@", f"imap://{login.name}@").replace(
            'password = "secret"', f'password = "{login.password}"'
        )
    path.write_text(text)
    return path


async def once(path: Path, code: int = 0) -> dict[str, Any]:
    ended = await mailferry("once", "-c", path, "-o", "json")
    assert ended.code == code, ended.out + ended.err
    (row,) = json.loads(ended.out)
    assert isinstance(row, dict)
    return row


async def verified(path: Path) -> str:
    return (await mailferry("journal", "verify", "-c", path)).out


def subjects(target: SmtpServer) -> list[int]:
    """The numbers of the letters that arrived, sorted: two connections deliver in any order."""
    lines = [line for mail in target.accepted for line in mail.content.splitlines()]
    return sorted(int(line.split()[-1]) for line in lines if line.startswith(b"Subject: Mail "))


def read(source: ImapServer) -> int:
    """How many commands for whole mails the server got since the last call."""
    count = sum("BODY.PEEK[]" in line for line in source.commands)
    source.commands.clear()
    return count


async def test_mail_in_custody_is_recognised_under_another_uidvalidity(tmp_path: Path) -> None:
    async with ImapServer({"u": box(1, 2, 3)}) as source, SmtpServer(recipients={BOB: DEFERRED}) as target:
        path = imap(tmp_path, source.port, target, EACH)
        row = await once(path, code=75)
        assert (row["fetched"], row["deleted"], row["left"]) == (3, 0, 3)
        target.recipients.clear()
        source.folder("u").rebuild(lambda mails: mails[::-1])
        source.folder("u").append(letter(9, BOB))
        row = await once(path, code=75)
        assert "3 mails have other unique ids than before" in row["why"]
        while row["left"]:
            row = await once(path, code=75 if row["left"] else 0)
        assert subjects(target) == [1, 2, 3, 9]
        assert source.folder("u").mails == []
        assert await verified(path) == "4 messages, no differences\n"


async def test_copies_are_recognised_under_another_uidvalidity_without_being_read(tmp_path: Path) -> None:
    async with ImapServer({"u": box(1, 2, 3)}) as source, SmtpServer() as target:
        path = imap(tmp_path, source.port, target, KEPT)
        await once(path)
        source.folder("u").rebuild(lambda mails: mails[1:] + mails[:1])
        read(source)
        row = await once(path, code=75)
        assert (row["fetched"], read(source)) == (0, 0)
        assert "3 mails have other unique ids than before" in row["why"]
        assert (await once(path))["fetched"] == 0
        assert subjects(target) == [1, 2, 3]


async def test_where_the_server_has_object_ids_no_header_is_needed_either(tmp_path: Path) -> None:
    async with ImapServer({"u": box(1, 2, 3)}) as source, SmtpServer() as target:
        source.capabilities = [*CAPABILITIES, "OBJECTID"]
        path = imap(tmp_path, source.port, target, KEPT)
        await once(path)
        source.folder("u").rebuild(lambda mails: mails[::-1])
        source.commands.clear()
        await once(path, code=75)
        assert [line for line in source.commands if "BODY" in line] == []
        assert subjects(target) == [1, 2, 3]
        assert await verified(path) == "3 messages, no differences\n"
        rebuilt = await mailferry("journal", "rebuild", "-c", path, "--yes")
        assert rebuilt.code == 0, rebuilt.err
        source.folder("u").rebuild(lambda mails: mails[::-1])
        source.commands.clear()
        await once(path, code=75)
        assert [line for line in source.commands if "BODY" in line] == []


async def test_equal_mails_are_told_apart_by_nothing_and_each_is_delivered_once(tmp_path: Path) -> None:
    async with ImapServer({"u": box(1, 1, 2)}) as source, SmtpServer(recipients={BOB: DEFERRED}) as target:
        path = imap(tmp_path, source.port, target, EACH)
        await once(path, code=75)
        target.recipients.clear()
        source.folder("u").rebuild(lambda mails: mails[::-1])
        row = await once(path, code=75)
        while row["left"]:
            row = await once(path, code=75 if row["left"] else 0)
        assert subjects(target) == [1, 1, 2]
        assert source.folder("u").mails == []


async def test_a_uidvalidity_that_always_changes_is_not_relied_on_which_is_told(tmp_path: Path) -> None:
    async with ImapServer({"u": box(1, 2)}) as source, SmtpServer(recipients={BOB: DEFERRED}) as target:
        path = imap(tmp_path, source.port, target, EACH)
        await once(path, code=75)
        for _ in range(3):
            source.folder("u").rebuild(lambda mails: mails[::-1])
            row = await once(path, code=75)
            assert "not relied on" not in (row["why"] or "")
        target.recipients.clear()
        source.folder("u").rebuild()
        row = await once(path, code=75)
        assert "the UIDVALIDITY of INBOX has changed in 3 visits in a row" in row["why"]
        while row["left"]:
            source.folder("u").rebuild()
            row = await once(path, code=75)
        assert subjects(target) == [1, 2]
        assert source.folder("u").mails == []


async def test_a_header_that_is_another_one_at_each_look_ends_in_a_sentence(tmp_path: Path) -> None:
    looks = 0

    def noted(session: FakeImapSession) -> bytes | None:
        nonlocal looks
        if "BODY.PEEK[HEADER]" not in session.command.line:
            return None
        looks += 1
        header = header_of(source.folder("u").mails[0].raw)
        changed = b"X-Look: %d\r\n" % looks + header
        section = b"* 1 FETCH (UID 1 BODY[HEADER] " + literal(changed) + b")\r\n"
        return section + b"$TAG OK done\r\n"

    async with ImapServer({"u": box(1)}) as source, SmtpServer() as target:
        path = imap(tmp_path, source.port, target, f'{CATCH_ALL}\nretention = "keep"')
        await once(path)
        source.behaviours["UID FETCH"] = noted
        path.write_text(path.read_text().replace('retention = "keep"', 'retention = "delete"'))
        source.oddities.keeps = {1}
        rows = [await once(path, code=75) for _ in range(6)]
        assert "neither fetched again nor deleted" in rows[-1]["why"]
        assert rows[-1]["fetched"] == 0
        assert len(source.folder("u").mails) == 1
        assert subjects(target) == [1]


def lose_uids(dovecot: Dovecot, user: str) -> None:
    """Have Dovecot number the mails of INBOX anew, under another UIDVALIDITY."""
    maildir = dovecot.maildir(user)
    for path in maildir.iterdir():
        if path.name.startswith("dovecot"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


async def test_dovecot_mail_in_custody_is_recognised_when_its_uids_are_lost(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, box(1, 2, 3))
    async with SmtpServer(recipients={BOB: DEFERRED}) as target:
        path = imap(tmp_path, dovecot.imap_port, target, EACH, login)
        await once(path, code=75)
        target.recipients.clear()
        with another_client(dovecot, login) as other:
            before = other.response("UIDVALIDITY")[1]
        lose_uids(dovecot, login.name)
        with another_client(dovecot, login) as other:
            assert other.response("UIDVALIDITY")[1] != before
        row = await once(path, code=75)
        assert "3 mails have other unique ids than before" in row["why"]
        while row["left"]:
            row = await once(path, code=75)
        assert subjects(target) == [1, 2, 3]
        assert dovecot.remaining(login.name) == []


async def test_copies_in_a_folder_of_dovecot_that_gets_another_name_are_not_delivered_again(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    login = dovecot.new_user()
    dovecot.add_folder(login.name, "Lists")
    dovecot.fill(login.name, box(1, 2), "Lists")
    dovecot.fill(login.name, box(3))
    async with SmtpServer() as target:
        path = imap(tmp_path, dovecot.imap_port, target, ALL_FOLDERS, login)
        await once(path)
        with another_client(dovecot, login) as other:
            other.rename("Lists", "Old")
        row = await once(path)
        assert (row["fetched"], row["left"]) == (0, 0)
        with another_client(dovecot, login) as other:
            other.select("Old")
            other.copy("1", "INBOX")
            other.store("1", "+FLAGS", r"(\Deleted)")
            other.expunge()
        row = await once(path)
        assert (row["fetched"], row["left"]) == (0, 0)
        assert subjects(target) == [1, 2, 3]
        assert await verified(path) == "3 messages, no differences\n"
