from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.fakes.command import Ended, letter, mailferry
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import SmtpServer

MAILS = [("uid-1", letter(1, "bob@corp.example")), ("uid-2", letter(2, "eve@old.example"))]


async def ferry(
    source: Pop3Server,
    target: SmtpServer,
    state: Path,
    *options: str,
    user: str = "u",
    password: str = "secret",
) -> Ended:
    return await mailferry(
        "ferry",
        f"pop3://{user}@127.0.0.1:{source.port}",
        f"smtp://127.0.0.1:{target.port}",
        "--tls",
        "off",
        *options,
        environ={"XDG_STATE_HOME": str(state), "MAILFERRY_PASSWORD": password},
    )


async def test_two_urls_are_enough_and_a_second_run_fetches_nothing_again(tmp_path: Path) -> None:
    async with Pop3Server({"u": list(MAILS)}) as source, SmtpServer() as target:
        options = ("--to", "me@corp.example", "--retention", "keep", "-o", "json")
        first = await ferry(source, target, tmp_path, *options)
        second = await ferry(source, target, tmp_path, *options)
        assert (first.code, second.code) == (0, 0), first.err + second.err
        assert [json.loads(each.out)[0]["fetched"] for each in (first, second)] == [2, 0]
        assert [mail.recipients for mail in target.accepted] == [("me@corp.example",)] * 2


async def test_a_domain_makes_a_catch_all_that_may_be_translated(tmp_path: Path) -> None:
    async with Pop3Server({"u": list(MAILS)}) as source, SmtpServer() as target:
        domains = ("--domain", "corp.example", "--domain", "old.example=corp.example")
        assert (await ferry(source, target, tmp_path, *domains)).code == 0
        assert sorted(mail.recipients for mail in target.accepted) == [
            ("bob@corp.example",),
            ("eve@corp.example",),
        ]
        assert sorted(source.deleted("u")) == ["uid-1", "uid-2"]


async def test_the_stored_state_is_private_and_does_not_contain_the_password(tmp_path: Path) -> None:
    canary = "canary-4711"
    async with Pop3Server({"u": []}, password=canary) as source, SmtpServer() as target:
        ended = await ferry(source, target, tmp_path, "--to", "me@corp.example", password=canary)
        assert ended.code == 0
        (state,) = (tmp_path / "mailferry" / "ferry").iterdir()
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
        assert all(canary.encode() not in file.read_bytes() for file in state.rglob("*") if file.is_file())
        listed = await mailferry("parked", "list", "-c", state / "mailferry.toml")
        assert (listed.code, listed.out) == (0, "Nothing is parked.\n")


@pytest.mark.parametrize(
    ("user", "options", "sentence"),
    [
        ("u:secret", ("--to", "me@corp.example"), "every user of this machine can see a password in a URL"),
        ("u", (), "either --to ADDRESS or --domain DOMAIN"),
        ("u", ("--to", "me@corp.example", "--domain", "corp.example"), "either --to ADDRESS or --domain"),
        (
            "u",
            ("--to", "me@corp.example", "--postmaster", "p@corp.example"),
            "--postmaster goes with --domain",
        ),
        ("u", ("--to", "me@corp.example", "--password-file", "/nonexistent"), "/nonexistent cannot be read"),
    ],
)
async def test_wrong_usage_is_reported_before_any_server_is_contacted(
    tmp_path: Path, user: str, options: tuple[str, ...], sentence: str
) -> None:
    async with Pop3Server({"u": []}) as source, SmtpServer() as target:
        ended = await ferry(source, target, tmp_path, *options, user=user)
        assert ended.code == 2
        assert sentence in " ".join(ended.err.split())
        assert source.connections == 0
