"""Unique ids that are missing, doubled, used again or changed: nothing is lost, and nothing comes twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.command import CATCH_ALL, SINGLE, configured, letter, mailferry
from tests.fakes.pop3_server import Behaviour, FakeSession, Pop3Server
from tests.fakes.smtp_server import SmtpServer

BOB = "bob@corp.example"
NO_UIDL = b"-ERR what is that?\r\n"
PLAIN = ["USER", "TOP", "PIPELINING"]
KEPT = f'{CATCH_ALL}\nretention = "keep"'
KEPT_EACH = f'{CATCH_ALL}\nretention = "keep"\ndedup = "off"'
DEFERRED = "451 4.3.0 Later"


def box(*numbers: int) -> list[tuple[str, bytes]]:
    return [(f"uid-{number}", letter(number, BOB)) for number in numbers]


async def once(path: Path, code: int = 0) -> dict[str, Any]:
    ended = await mailferry("once", "-c", path, "-o", "json")
    assert ended.code == code, ended.out + ended.err
    (row,) = json.loads(ended.out)
    assert isinstance(row, dict)
    return row


def subjects(target: SmtpServer) -> list[int]:
    """The numbers of the letters that arrived, sorted: two connections deliver in any order."""
    lines = [line for mail in target.accepted for line in mail.content.splitlines()]
    return sorted(int(line.split()[-1]) for line in lines if line.startswith(b"Subject: Mail "))


def fake_top(session: FakeSession, line: str) -> bytes:
    """The header of a mail, which the bundled server does not know how to give."""
    mail = session._mails[int(line.split()[1]) - 1][1]
    return b"+OK\r\n" + mail.partition(b"\r\n\r\n")[0] + b"\r\n\r\n.\r\n"


def without_uidl(mails: list[tuple[str, bytes]]) -> Pop3Server:
    return Pop3Server({"u": mails}, behaviours={"UIDL": NO_UIDL}, capabilities=PLAIN)


async def test_mail_of_a_server_without_unique_ids_is_delivered_and_deleted(tmp_path: Path) -> None:
    async with without_uidl(box(1, 2)) as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port)
        row = await once(path, code=75)
        assert (row["fetched"], row["deleted"], row["left"]) == (2, 2, 0)
        assert "no copies" in row["why"]
        assert subjects(target) == [1, 2]


async def test_without_unique_ids_what_is_put_off_is_recognised_later_and_delivered_once(
    tmp_path: Path,
) -> None:
    equal = [("", letter(3, BOB)), ("", letter(3, BOB))]
    dedup_off = f'{CATCH_ALL}\ndedup = "off"'
    relay = 'retry_delays = ["1s"]'
    async with without_uidl([*box(1), *equal]) as source, SmtpServer(recipients={BOB: DEFERRED}) as target:
        path = configured(tmp_path, source=source.port, target=target.port, account=dedup_off, relay=relay)
        row = await once(path, code=75)
        assert (row["fetched"], row["deleted"], row["left"]) == (3, 0, 3)
        target.recipients.clear()
        source.maildrops["u"].mails.insert(0, ("", letter(9, BOB)))
        for _ in range(3):
            row = await once(path, code=75)
        assert row["left"] == 0
        assert subjects(target) == [1, 3, 3, 9]
        assert source.maildrops["u"].mails == []


async def test_without_unique_ids_no_copy_can_be_left_which_is_told(tmp_path: Path) -> None:
    async with without_uidl(box(1)) as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port, account=KEPT)
        row = await once(path, code=75)
        assert "no copy can be left" in row["why"]
        assert len(source.maildrops["u"].mails) == 1
        assert target.accepted == []


@pytest.mark.parametrize("bad", [b"1 \r\n", b"1 uid-2\r\n", b"x\r\n", b"1 " + b"u" * 600 + b"\r\n", b""])
async def test_a_mail_with_an_unusable_id_is_delivered_like_the_others(tmp_path: Path, bad: bytes) -> None:
    uidl = b"+OK\r\n" + bad + b"2 uid-2\r\n3 uid-3\r\n.\r\n"
    source = Pop3Server({"u": box(1, 2, 3)}, behaviours={"UIDL": lambda *_: first.pop(0) if first else None})
    first = [uidl]
    async with source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port)
        row = await once(path, code=75)
        assert (row["fetched"], row["deleted"], row["left"]) == (3, 3, 0)
        assert subjects(target) == [1, 2, 3]


@pytest.mark.parametrize("dedup", ["content", "off"])
async def test_when_all_ids_change_kept_mail_is_recognised_and_not_delivered_again(
    tmp_path: Path, dedup: str
) -> None:
    account = KEPT_EACH if dedup == "off" else KEPT
    async with Pop3Server({"u": box(1, 2, 3)}) as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port, account=account)
        await once(path)
        mails = source.maildrops["u"].mails
        mails[:] = [(f"new-{number}", raw) for number, (_, raw) in enumerate(reversed(mails))]
        mails.append(("new-9", letter(4, BOB)))
        row = await once(path, code=75)
        assert row["fetched"] == 1
        assert "3 mails have other unique ids than before" in row["why"]
        assert (await once(path))["fetched"] == 0
        assert subjects(target) == [1, 2, 3, 4]
        assert len(mails) == 4


@pytest.mark.parametrize("text", [b"Text 2", b"Text 2, longer"])
async def test_another_mail_under_an_old_id_is_not_deleted_for_it(tmp_path: Path, text: bytes) -> None:
    source = Pop3Server({"u": box(1)}, behaviours={"TOP": fake_top})
    async with source, SmtpServer(recipients={BOB: DEFERRED}) as target:
        path = configured(tmp_path, source=source.port, target=target.port, relay='retry_delays = ["1s"]')
        await once(path, code=75)
        target.recipients.clear()
        source.behaviours["DELE"] = b"-ERR not now\r\n"
        await once(path, code=75)
        assert subjects(target) == [1]
        del source.behaviours["DELE"]
        other = letter(2, BOB).replace(b"Text 2", text)
        source.maildrops["u"].mails[:] = [("uid-1", other)]
        row = await once(path)
        assert (row["fetched"], row["deleted"], row["left"]) == (1, 1, 0)
        assert subjects(target) == [1, 2]


async def test_a_lost_mail_whose_id_names_another_mail_now_is_not_mixed_up_with_it(tmp_path: Path) -> None:
    source = Pop3Server({"u": box(1)})
    async with source, SmtpServer(recipients={BOB: DEFERRED}) as target:
        path = configured(tmp_path, source=source.port, target=target.port)
        await once(path, code=75)
        target.recipients.clear()
        source.maildrops["u"].mails[:] = [("uid-1", letter(2, "eve@corp.example"))]
        await once(path)
        assert [mail.recipients for mail in target.accepted] == [("eve@corp.example",)]
        lost = json.loads((await mailferry("lost", "-c", path, "-o", "json")).out)
        assert [(each["uid"], each["for_whom"]) for each in lost] == [("uid-1", BOB)]


async def test_a_single_mailbox_serves_its_one_recipient_without_unique_ids(tmp_path: Path) -> None:
    async with without_uidl(box(1)) as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port, account=SINGLE)
        await once(path, code=75)
        assert [mail.recipients for mail in target.accepted] == [(BOB,)]


def with_one_nameless(mails: list[tuple[str, bytes]], *, top: bool = True) -> Pop3Server:
    """A server that never tells the unique id of mail 1."""
    uidl = b"+OK\r\n1 \r\n" + b"".join(b"%d uid-%d\r\n" % (n, n) for n in range(2, len(mails) + 1)) + b".\r\n"
    behaviours: dict[str, Behaviour] = {"UIDL": uidl}
    if top:
        behaviours["TOP"] = fake_top
    return Pop3Server({"u": mails}, behaviours=behaviours)


async def test_a_kept_mail_without_an_id_is_known_by_its_header_and_not_read_at_each_visit(
    tmp_path: Path,
) -> None:
    async with with_one_nameless(box(1, 2, 3)) as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port, account=KEPT)
        await once(path, code=75)
        source.commands.clear()
        row = await once(path, code=75)
        assert (row["fetched"], row["left"]) == (0, 0)
        assert "RETR" not in source.verbs()
        assert subjects(target) == [1, 2, 3]
        assert len(source.maildrops["u"].mails) == 3


async def test_a_kept_mail_without_an_id_is_read_where_its_header_is_not_to_be_had(tmp_path: Path) -> None:
    async with with_one_nameless(box(1, 2), top=False) as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port, account=KEPT)
        await once(path, code=75)
        source.commands.clear()
        assert (await once(path, code=75))["fetched"] == 0
        assert [line for line in source.commands if line.startswith("RETR")] == ["RETR 1"]
        assert subjects(target) == [1, 2]


async def test_another_mail_without_an_id_in_place_of_a_kept_one_is_delivered(tmp_path: Path) -> None:
    async with with_one_nameless(box(1, 2)) as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port, account=KEPT)
        await once(path, code=75)
        source.maildrops["u"].mails[0] = ("", letter(5, BOB))
        assert (await once(path, code=75))["fetched"] == 1
        assert subjects(target) == [1, 2, 5]


async def test_a_second_copy_without_an_id_is_read_and_recognised(tmp_path: Path) -> None:
    async with with_one_nameless(box(1, 2)) as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port, account=KEPT_EACH)
        await once(path, code=75)
        source.maildrops["u"].mails.append(("", letter(1, BOB)))
        source.behaviours["UIDL"] = b"+OK\r\n1 \r\n2 uid-2\r\n3 \r\n.\r\n"
        assert (await once(path, code=75))["fetched"] == 1
        assert (await once(path, code=75))["fetched"] == 0
        assert subjects(target) == [1, 1, 2]


async def test_a_mail_without_an_id_that_waits_is_counted_with_the_others(tmp_path: Path) -> None:
    deferring = SmtpServer(recipients={BOB: DEFERRED})
    async with with_one_nameless(box(1, 2, 3)) as source, deferring as target:
        path = configured(tmp_path, source=source.port, target=target.port, account=CATCH_ALL)
        row = await once(path, code=75)
        assert (row["fetched"], row["left"]) == (3, 3)
