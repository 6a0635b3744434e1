"""`mailferry explain --live` against Dovecot: what waits is explained and stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.mails import mail
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration

CATCH_ALL = ('mailbox = "catch-all"', 'domains = { "firma.de" = "keep" }', 'auth = ["user"]')
MAILS = [
    mail("X-Original-To: bob@firma.de", "Received: from a.example by mx.isp.example", "To: list@a.example"),
    mail("To: carol@firma.de", "Message-ID: <2@a.example>", body=b"x\r\n" * 100_000),
]


@pytest.fixture(params=["pop3", "imap"])
def ferry(tmp_path: Path, dovecot: Dovecot, request: pytest.FixtureRequest) -> tuple[Ferry, str]:
    login = dovecot.new_user()
    dovecot.fill(login.name, MAILS)
    port = {"pop3": dovecot.pop3_port, "imap": dovecot.imap_port}[request.param]
    text = configuration([account("all", port, login, *CATCH_ALL, scheme=request.param)], target=1)
    return Ferry(tmp_path, text, database=False), login.name


def test_what_waits_is_explained_and_neither_fetched_nor_marked_nor_deleted(
    ferry: tuple[Ferry, str], dovecot: Dovecot
) -> None:
    running, user = ferry
    for _ in range(2):
        ended = running.call("explain", "--live", "--account", "all", "-o", "json")
        assert (ended.code, ended.err) == (0, "")
        first, second = json.loads(ended.out)
        assert first["evidence"] == {"class": 2, "field": "X-Original-To", "value": "bob@firma.de"}
        assert [each["address"] for each in second["recipients"]] == ["carol@firma.de"]
        assert (first["identity"], second["message_id"]) == (None, "<2@a.example>")
        assert first["uid"] != second["uid"]
    assert dovecot.remaining(user) == MAILS
    seen = [path.name for path in dovecot.maildir(user).rglob("*") if ":2," in path.name]
    assert not any("S" in name.rpartition(":2,")[2] for name in seen)
    assert not list(running.directory.glob("*.db*"))


def test_of_many_the_oldest_are_explained_and_people_are_told_how_many_wait(ferry: tuple[Ferry, str]) -> None:
    ended = ferry[0].call("explain", "--live", "--limit", "1", "--account", "all")
    assert ended.code == 0
    assert ended.out.startswith("UID         ")
    assert "Delivered   bob@firma.de: named in X-Original-To" in ended.out
    assert "carol" not in ended.out
    assert "2 mails are in the mailbox; these are the oldest 1." in ended.err


def test_the_account_may_stand_behind_live_and_be_left_out_where_there_is_only_one(
    ferry: tuple[Ferry, str],
) -> None:
    named = [ferry[0].call("explain", "--live", *account, "-o", "json") for account in ([], ["all"])]
    assert [(each.code, len(json.loads(each.out))) for each in named] == [(0, 2)] * 2
