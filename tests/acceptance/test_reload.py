"""HUP: a running process takes over the changed file, unless that has a mistake."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import Tagged, tag_of, tagged
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration


def test_an_account_is_added_while_running_and_a_broken_file_changes_nothing(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    first, second = dovecot.new_user(), dovecot.new_user()
    accounts = [
        account("first", dovecot.pop3_port, first),
        account("second", dovecot.pop3_port, second),
    ]
    mails = [tagged(f"reload-{number}") for number in range(3)]

    with in_background(SmtpServer()) as target:

        def has(*expected: Tagged) -> bool:
            return {tag_of(mail.content) for mail in target.accepted} == {mail.tag for mail in expected}

        whole = configuration(accounts, target=target.port)
        with Ferry(tmp_path, configuration(accounts[:1], target=target.port)) as ferry:
            process = ferry.start().ready()
            dovecot.fill(second.name, [mails[0].raw])
            dovecot.fill(first.name, [mails[1].raw])
            process.wait_until(lambda: has(mails[1]))

            ferry.path.write_text(whole)
            process.send(signal.SIGHUP)
            process.wait_until(lambda: has(*mails[:2]))
            assert process.said("configuration reloaded")[-1]["accounts"] == 2

            ferry.path.write_text(f'{whole}\nretenton = "keep"\n[[acounts]]\n')
            process.send(signal.SIGHUP)
            process.wait_until(lambda: len(process.said("configuration not reloaded")) == 2)
            dovecot.fill(second.name, [mails[2].raw])
            process.wait_until(lambda: has(*mails))
            assert process.terminate() == 0
        problems = [line["problem"] for line in process.said("configuration not reloaded")]
        assert [problem.startswith(f"{ferry.path}:") for problem in problems] == [True, True]
        assert ['"retenton"' in "".join(problems), '"acounts"' in "".join(problems)] == [True, True]


def test_a_corrected_password_is_tried_at_once(dovecot: Dovecot, tmp_path: Path) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, [tagged("mended").raw])
    with in_background(SmtpServer()) as target:

        def text(password: str) -> str:
            return configuration(
                [account("bob", dovecot.pop3_port, replace(login, password=password))], target=target.port
            )

        with Ferry(tmp_path, text("wrong")) as ferry:
            process = ferry.start().ready()
            process.wait_until(lambda: any(line["outcome"] == "failed" for line in process.said("visited")))
            ferry.path.write_text("[unknown]")
            process.send(signal.SIGHUP)
            process.wait_until(lambda: process.metric("mailferry_reload_failed") == 1)
            ferry.path.write_text(text(login.password))
            process.send(signal.SIGHUP)
            process.wait_until(lambda: len(target.accepted) == 1)
            process.wait_until(lambda: process.metric("mailferry_reload_failed") == 0)
            assert process.terminate() == 0
