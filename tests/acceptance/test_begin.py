"""Accounts that begin with old mail in their mailbox: it is neither delivered nor deleted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.background import in_background
from tests.fakes.command import SINGLE, configured, letter, mailferry
from tests.fakes.pop3_server import Pop3Server, headers_by_top
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tagged_mails
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records, assert_arrived_whole

BOB = "bob@corp.example"
LAST_OF_OCTOBER = 1_793_448_000.0


def dated(number: int, date: bytes) -> bytes:
    return b"Received: by pop.test; " + date + b"\r\n" + letter(number, BOB)


async def rows(command: str, *arguments: str | Path, code: int = 0, **environ: str) -> Any:
    ended = await mailferry(command, *arguments, "-o", "json", environ=environ)
    assert ended.code == code, ended.out + ended.err
    return json.loads(ended.out)


async def test_begin_now_delivers_only_what_comes_afterwards_and_all_delivers_the_rest(
    tmp_path: Path,
) -> None:
    old = [(f"old-{number}", letter(number, BOB)) for number in range(3)]
    async with Pop3Server({"u": old}) as source, SmtpServer() as target:
        path = configured(
            tmp_path, source=source.port, target=target.port, account=f'{SINGLE}\nbegin = "now"'
        )
        (first,) = await rows("once", "-c", path)
        assert (first["fetched"], first["delivered"], first["deleted"], first["left"]) == (0, 0, 0, 0)
        source.maildrops["u"].mails.append(("new", letter(9, BOB)))
        (second,) = await rows("once", "-c", path)
        assert (second["fetched"], second["delivered"], second["deleted"], second["left"]) == (1, 1, 1, 0)
        assert source.deleted("u") == ["new"]

        (state,) = (await rows("status", "-c", path))["accounts"]
        assert (state["skipped"], state["waiting"], state["colour"]) == (3, 0, "green")
        table = await mailferry("status", "-c", path, environ={"COLUMNS": "200"})
        assert "Put aside" in table.out
        (traced,) = await rows("trace", "old-1", "-c", path)
        assert (traced["status"], traced["begin"], traced["account"]) == ("skipped", "now", "acme/inbox")
        told = await mailferry("trace", "old-1", "-c", path)
        assert 'begin = "now". It is neither delivered nor deleted. With begin = "all"' in told.out

        path = configured(
            tmp_path, source=source.port, target=target.port, account=f'{SINGLE}\nbegin = "all"'
        )
        (third,) = await rows("once", "-c", path)
        assert (third["fetched"], third["delivered"], third["deleted"], third["left"]) == (3, 3, 3, 0)
        (state,) = (await rows("status", "-c", path))["accounts"]
        assert state["skipped"] == 0
        assert "Put aside" not in (await mailferry("status", "-c", path, environ={"COLUMNS": "200"})).out
        assert len(target.accepted) == 4


@pytest.mark.kill
@pytest.mark.parametrize("step", ["fetcher.begun", "fetcher.dates-recorded"])
async def test_a_process_that_dies_at_the_beginning_delivers_no_old_mail_and_skips_no_new_one(
    tmp_path: Path, step: str
) -> None:
    mails = [
        ("old", dated(1, b"Sat, 31 Oct 2026 12:00:00 +0000")),
        ("new", dated(2, b"Sun, 1 Nov 2026 12:00:00 +0000")),
    ]
    capabilities = ["USER", "UIDL", "TOP", "PIPELINING"]
    async with Pop3Server({"u": mails}, capabilities=capabilities) as source, SmtpServer() as target:
        source.behaviours["TOP"] = headers_by_top
        path = configured(
            tmp_path, source=source.port, target=target.port, account=f"{SINGLE}\nbegin = 2026-11-01"
        )
        killed = await mailferry("once", "-c", path, environ={"MAILFERRY_DIE_AT": step})
        assert killed.code == -9
        source.maildrops["u"].mails.append(("late", dated(3, b"Thu, 1 Oct 2026 12:00:00 +0000")))
        (row,) = await rows("once", "-c", path)
        assert (row["fetched"], row["deleted"], row["left"]) == (2, 2, 0)
        assert sorted(source.deleted("u")) == ["late", "new"]
        assert len(target.accepted) == 2


@pytest.mark.parametrize("scheme", ["pop3", "imap"])
def test_a_thousand_old_mails_at_dovecot_are_left_alone(
    dovecot: Dovecot, tmp_path: Path, scheme: str
) -> None:
    """POP3 tells by the header when a mail was received, IMAP by the date of the server: the file's."""
    login = dovecot.new_user()
    header = b"Received: by a.example; Sat, 31 Oct 2026 12:00:00 +0000"
    dovecot.fill(login.name, [header + b"\r\nSubject: %d\r\n\r\n" % number for number in range(1000)])
    for path in (dovecot.maildir(login.name) / "new").iterdir():
        os.utime(path, (LAST_OF_OCTOBER, LAST_OF_OCTOBER))
    new = tagged_mails("new", 3)
    port = dovecot.pop3_port if scheme == "pop3" else dovecot.imap_port
    with in_background(SmtpServer()) as target:
        box = account("bob", port, login, 'begin = "2026-11-01"', scheme=scheme)
        with Ferry(tmp_path, configuration([box], target=target.port)) as ferry:
            assert ferry.call("once").code == 0
            dovecot.fill(login.name, [mail.raw for mail in new])
            assert ferry.call("once").code == 0
            books = Records(ferry.path)
            (state,) = json.loads(books.output_of("status", "-o", "json"))["accounts"]
            assert (state["skipped"], state["waiting"]) == (1000, 0)
        assert_arrived_whole(target.accepted, new)
        assert len(target.accepted) == 3
    books.assert_journal_agrees(3)
    assert dovecot.remaining_count(login.name) == 1000
