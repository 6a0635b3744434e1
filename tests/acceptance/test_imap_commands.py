"""The commands of an operator, for an account that is fetched by IMAP from a real Dovecot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.command import letter, mailferry
from tests.fakes.smtp_server import SmtpServer
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration

MAILS = [letter(1, "bob@corp.example"), letter(2, "bob@corp.example")]


def configuration_in(directory: Path) -> Path:
    (written,) = directory.rglob("mailferry.toml")
    return written


def text_of(file: Path) -> str:
    return file.read_text()


async def test_two_urls_are_enough_over_imap_and_a_second_run_fetches_nothing_again(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, MAILS)
    async with SmtpServer() as target:
        runs = [
            await mailferry(
                "ferry",
                f"imaps://{login.name}@localhost:{dovecot.imaps_port}",
                f"smtp://127.0.0.1:{target.port}",
                *("--to", "me@corp.example", "--retention", "keep", "-o", "json"),
                *("--target-tls", "off", "--ca-file", str(dovecot.certificate.chain)),
                environ={"XDG_STATE_HOME": str(tmp_path), "MAILFERRY_PASSWORD": login.password},
            )
            for _ in range(2)
        ]
        assert [run.code for run in runs] == [0, 0], runs[0].err + runs[1].err
        assert [json.loads(run.out)[0]["fetched"] for run in runs] == [2, 0]
        assert [mail.recipients for mail in target.accepted] == [("me@corp.example",)] * 2
    written = configuration_in(tmp_path)
    assert f'source = "imaps://localhost:{dovecot.imaps_port}"' in text_of(written)
    assert (await mailferry("status", "-c", written)).code == 0
    traced = await mailferry("trace", "2", "-c", written)
    assert (traced.code, "0000000002" in traced.out) == (0, True)


@pytest.mark.parametrize("password", ["throw-away", "wrong"])
def test_a_login_by_imap_is_tried_with_the_right_exit_code_and_the_dialogue(
    dovecot: Dovecot, tmp_path: Path, password: str
) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, MAILS)
    text = configuration([account("bob", dovecot.imap_port, login, scheme="imap")], target=1)
    ferry = Ferry(tmp_path, text.replace("throw-away", password))
    as_table = ferry.call("test-login", "bob", "--verbose")
    (result,) = json.loads(ferry.call("test-login", "bob", "-o", "json").out)
    assert (as_table.code, result["ok"]) == ((0, True) if password == "throw-away" else (1, False))
    assert "acme/bob S: * OK [CAPABILITY IMAP4rev1" in as_table.err
    assert password not in as_table.err + as_table.out
    assert result["step"] == (None if result["ok"] else "credentials")
    assert (
        "acme/bob C: EXAMINE INBOX" in as_table.err or "acme/bob C: SELECT INBOX" in as_table.err
    ) is result["ok"]
    assert dovecot.remaining(login.name) == MAILS
    assert ferry.call("test-login", "bob", "--probe-reading").code == as_table.code
