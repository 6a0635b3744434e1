"""A running process respects pauses, and the login method that worked is remembered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import Tagged, tag_of, tagged
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration

REMEMBERED = "scram-sha-256"


def rows(ferry: Ferry) -> dict[str, dict[str, Any]]:
    """The rows of accounts in `status`, by name."""
    ended = ferry.call("status", "-o", "json")
    return {each["account"]: each for each in json.loads(ended.out)["accounts"]}


def test_a_running_process_leaves_paused_accounts_alone_and_visits_them_when_resumed(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    bob, eve = dovecot.new_user(), dovecot.new_user()
    accounts = [account("bob", dovecot.pop3_port, bob), account("eve", dovecot.pop3_port, eve)]
    first, held, witness, last = (tagged(f"pause-{number}") for number in range(4))

    with in_background(SmtpServer()) as target:

        def arrived() -> set[str]:
            return {tag_of(mail.content) for mail in target.accepted}

        def has(expected: Sequence[Tagged]) -> bool:
            return arrived() == {mail.tag for mail in expected}

        with Ferry(tmp_path, configuration(accounts, target=target.port)) as ferry:
            process = ferry.start().ready()
            dovecot.fill(bob.name, [first.raw])
            process.wait_until(lambda: has([first]))
            assert ferry.call("pause", "acme/bob").out == "1 account paused\n"
            dovecot.fill(bob.name, [held.raw])
            dovecot.fill(eve.name, [witness.raw])
            process.wait_until(lambda: witness.tag in arrived())
            dovecot.fill(eve.name, [last.raw])
            process.wait_until(lambda: last.tag in arrived())
            assert has([first, witness, last])
            seen = rows(ferry)
            assert (seen["acme/bob"]["colour"], seen["acme/eve"]["colour"]) == ("yellow", "green")
            assert ferry.call("resume", "bob").out == "1 account resumed\n"
            process.wait_until(lambda: has([first, held, witness, last]))
            process.wait_until(lambda: rows(ferry)["acme/bob"]["colour"] == "green")
            assert process.terminate() == 0


def test_a_pass_says_of_a_paused_account_that_it_is_paused(dovecot: Dovecot, tmp_path: Path) -> None:
    bob = dovecot.new_user()
    mail = tagged("pause-pass")
    dovecot.fill(bob.name, [mail.raw])
    with in_background(SmtpServer()) as target:
        text = configuration([account("bob", dovecot.pop3_port, bob)], target=target.port)
        with Ferry(tmp_path, text) as ferry:
            assert ferry.call("db", "upgrade").code == 0
            assert ferry.call("pause", "--all").code == 0
            ended = ferry.call("once", "-o", "json")
            (row,) = json.loads(ended.out)
            assert (ended.code, row["why"]) == (75, "paused; `mailferry resume` lets it go on")
            assert dovecot.remaining_count(bob.name) == 1
            assert ferry.call("resume", "--all").out == "1 account resumed\n"
            assert ferry.call("once").code == 0
            assert [tag_of(each.content) for each in target.accepted] == [mail.tag]


def test_the_login_method_that_worked_is_kept_in_the_database(dovecot: Dovecot, tmp_path: Path) -> None:
    bob = dovecot.new_user()
    with in_background(SmtpServer()) as target:
        complete = configuration([account("bob", dovecot.pop3_port, bob)], target=target.port)
        with Ferry(tmp_path, complete) as ferry:
            assert ferry.call("once").code == 0
            assert rows(ferry)["acme/bob"]["login_method"] == REMEMBERED
            ferry.path.write_text(complete.replace(bob.password, "wrong"))
            assert ferry.call("once").code == 75
            assert rows(ferry)["acme/bob"]["login_method"] is None
