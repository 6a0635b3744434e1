from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.command import CATCH_ALL, SINGLE, configured, letter, mailferry
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import SmtpServer


async def once(path: Path, code: int = 0) -> dict[str, Any]:
    """The one row of a pass."""
    ended = await mailferry("once", "-c", path, "-o", "json")
    assert ended.code == code, ended.out + ended.err
    (row,) = json.loads(ended.out)
    assert isinstance(row, dict)
    return row


def box(*recipients: str) -> list[tuple[str, bytes]]:
    return [(f"uid-{number}", letter(number, each)) for number, each in enumerate(recipients, 1)]


async def test_a_pass_delivers_and_deletes_and_a_second_one_finds_nothing(tmp_path: Path) -> None:
    mails = box("bob@corp.example", "carol@corp.example")
    async with Pop3Server({"u": mails}) as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port, database=False)
        first = await once(path)
        second = await once(path)
        assert (first["fetched"], first["delivered"], first["deleted"], first["left"]) == (2, 2, 2, 0)
        assert (second["fetched"], second["delivered"], second["deleted"], second["left"]) == (0, 0, 0, 0)
        assert (first["copies"], second["copies"]) == (0, 0)
        assert sorted(mail.recipients for mail in target.accepted) == [
            ("bob@corp.example",),
            ("carol@corp.example",),
        ]
        assert sorted(source.deleted("u")) == ["uid-1", "uid-2"]


@pytest.mark.parametrize("retention", ["keep", "7d"])
async def test_a_mail_kept_at_the_source_is_neither_fetched_nor_delivered_again(
    tmp_path: Path, retention: str
) -> None:
    async with Pop3Server({"u": box("bob@corp.example")}) as source, SmtpServer() as target:
        account = f'{SINGLE}\nretention = "{retention}"'
        path = configured(tmp_path, source=source.port, target=target.port, account=account)
        first = await once(path)
        second = await once(path)
        assert (first["fetched"], first["delivered"], first["deleted"], first["left"]) == (1, 1, 0, 0)
        assert (second["fetched"], second["delivered"], second["deleted"], second["left"]) == (0, 0, 0, 0)
        assert len(target.accepted) == 1
        assert source.verbs().count("RETR") == 1
        assert source.deleted("u") == []
        status = await mailferry("status", "-c", path, "-o", "json")
        (row,) = json.loads(status.out)["accounts"]
        assert [first["copies"], second["copies"], row["copies"], row["waiting"]] == [1, 1, 1, 0]
        table = await mailferry("status", "-c", path)
        assert "Kept" in table.out
        login = await mailferry("test-login", "inbox", "-c", path, "-o", "json")
        (tried,) = json.loads(login.out)
        assert {name: tried["details"][name] for name in ("mails", "kept", "waiting", "put_aside")} == {
            "mails": 1, "kept": 1, "waiting": 0, "put_aside": 0,
        }  # fmt: skip
        assert tried["sentence"].endswith("1 mail at the source: 0 waiting, 1 kept")
        live = await mailferry("explain", "--live", "inbox", "-c", path)
        assert live.out.startswith("1 mail at the source: 0 waiting, 1 kept.\n")


async def test_deferred_mail_stays_at_the_source_and_the_reason_is_shown(tmp_path: Path) -> None:
    deferring = {"bob@corp.example": "451 4.3.0 Later"}
    mails = box("bob@corp.example", "carol@corp.example")
    async with Pop3Server({"u": mails}) as source, SmtpServer(recipients=deferring) as target:
        path = configured(tmp_path, source=source.port, target=target.port)
        row = await once(path, code=75)
        assert (row["delivered"], row["deleted"], row["left"], row["why"]) == (1, 1, 1, "451 4.3.0 Later")
        target.recipients.clear()
        row = await once(path)
        assert (row["delivered"], row["deleted"], row["left"]) == (1, 1, 0)
        assert [mail.recipients for mail in target.accepted] == [
            ("carol@corp.example",),
            ("bob@corp.example",),
        ]


async def test_a_limit_of_mails_for_one_visit_does_not_end_the_pass(tmp_path: Path) -> None:
    mails = box(*["bob@corp.example"] * 5)
    async with Pop3Server({"u": mails}) as source, SmtpServer() as target:
        account = f"{CATCH_ALL}\nmax_messages = 2"
        path = configured(tmp_path, source=source.port, target=target.port, account=account)
        row = await once(path)
        assert (row["fetched"], row["delivered"], row["deleted"], row["left"]) == (5, 5, 5, 0)
        assert source.connections == 3


@pytest.mark.kill
async def test_after_a_crash_the_next_pass_goes_on_at_once_and_delivers_nothing_twice(tmp_path: Path) -> None:
    mails = box("bob@corp.example", "carol@corp.example")
    async with Pop3Server({"u": mails}) as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port)
        killed = await mailferry("once", "-c", path, environ={"MAILFERRY_DIE_AT": "fetcher.deleted"})
        assert killed.code == -9
        assert source.deleted("u") == []
        row = await once(path)
        assert (row["deleted"], row["left"]) == (2, 0)
        assert len(target.accepted) == 2
