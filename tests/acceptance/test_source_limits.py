"""A source that sends too much, too slowly or nothing is limited and reported, and stops no other mail."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.fakes.command import SINGLE, configured, letter, mailferry
from tests.fakes.odd_pop3 import OddServer
from tests.fakes.pop3_server import SILENCE, Behaviour, FakeSession, Outcome, stuffed
from tests.fakes.smtp_server import SmtpServer

BOB = "bob@corp.example"
MAILS = [(f"uid-{number}", letter(number, BOB)) for number in range(1, 5)]
BIG = letter(9, BOB) + b"x" * 200_000 + b"\r\n"


async def once(path: Path, *arguments: str) -> dict[str, Any]:
    """Make a pass; return its row about the only account."""
    ended = await mailferry(*(arguments or ("once",)), "-c", path, "-o", "json")
    (row,) = json.loads(ended.out)
    assert isinstance(row, dict)
    return row


def subjects(target: SmtpServer) -> list[str]:
    """The subjects of the mails that arrived, in the order of their numbers."""
    lines = [line for mail in target.accepted for line in mail.content.splitlines()]
    return sorted(line.decode() for line in lines if line.startswith(b"Subject: "))


def for_mail(raw: bytes, outcome: Outcome) -> Behaviour:
    """Return `outcome` when this mail is requested, under whichever number."""

    def behave(session: FakeSession, line: str) -> Outcome:
        return outcome if session.mail(line) == raw else None

    return behave


def numbered(numbers: Sequence[int]) -> list[str]:
    return [f"Subject: Mail {number}" for number in numbers]


async def test_fault_11_a_mail_without_end_is_given_up_and_reported_and_stops_no_other(
    tmp_path: Path,
) -> None:
    async with OddServer({"u": list(MAILS)}) as source, SmtpServer() as target:
        source.behaviours["RETR 2"] = b"+OK\r\n" + b"endless\r\n" * 30_000
        path = configured(
            tmp_path, source=source.port, target=target.port, account=f'{SINGLE}\nmail_limit = "100KiB"'
        )
        first = await once(path)
        assert (first["fetched"], first["deleted"], first["left"]) == (3, 3, 1)
        assert "uid-2 was tried once and is tried again in 5m" in first["why"]
        assert "sent more than 102400 octets in answer to RETR 2" in first["why"]
        asked = source.verbs().count("RETR")
        again = await once(path)
        assert "uid-2 was tried once" in again["why"]
        assert source.verbs().count("RETR") == asked
        (traced,) = json.loads((await mailferry("trace", "uid-2", "-c", path, "-o", "json")).out)
        assert (traced["status"], traced["kind"], traced["times"]) == ("unread", "refused", 1)
        assert sorted(source.deleted("u")) == ["uid-1", "uid-3", "uid-4"]
    assert subjects(target) == numbered([1, 3, 4])


async def test_fault_12_a_server_that_falls_silent_in_the_middle_is_not_waited_for(tmp_path: Path) -> None:
    async with OddServer({"u": list(MAILS)}) as source, SmtpServer() as target:
        source.capabilities = ["USER", "UIDL"]
        source.behaviours["RETR"] = for_mail(MAILS[2][1], SILENCE)
        path = configured(
            tmp_path, source=source.port, target=target.port, account=f'{SINGLE}\ntimeout = "3s"'
        )
        first = await once(path)
        assert "sent nothing for 3 seconds" in first["why"]
        second = await once(path)
        assert second["deleted"] == 2
        await once(path)
        assert sorted(source.deleted("u")) == ["uid-1", "uid-2", "uid-4"]
    assert subjects(target) == numbered([1, 2, 4])


async def test_fault_12_a_slow_but_moving_mail_is_not_cut(tmp_path: Path) -> None:
    """One octet at a time: the whole mail takes longer than the inactivity timeout, no single octet does."""
    async with OddServer({"u": list(MAILS)}) as source, SmtpServer() as target:
        source.piece, source.pieces, source.pause, source.slow = 1, 60, 0.05, "RETR 2"
        path = configured(
            tmp_path, source=source.port, target=target.port, account=f'{SINGLE}\ntimeout = "2s"'
        )
        row = await once(path)
        assert (row["deleted"], row["left"], row["why"]) == (4, 0, None)
    assert subjects(target) == numbered([1, 2, 3, 4])


async def test_fault_12_a_session_ends_at_its_deadline_however_busy_the_server_is(tmp_path: Path) -> None:
    async with OddServer({"u": list(MAILS)}) as source, SmtpServer() as target:
        source.capabilities = ["USER", "UIDL"]
        source.piece, source.pieces, source.pause, source.slow = 10, 30, 0.1, "RETR"
        account = f'{SINGLE}\nsession_deadline = "4s"\nmax_messages = 4'
        path = configured(tmp_path, source=source.port, target=target.port, account=account)
        row = await once(path)
        assert (row["fetched"], row["deleted"], row["left"]) == (4, 4, 0)
        assert source.connections > 1
    assert subjects(target) == numbered([1, 2, 3, 4])


async def test_a_listing_and_a_line_without_end_are_given_up(tmp_path: Path) -> None:
    limits = f'{SINGLE}\nlisting_limit = "10KiB"\nline_limit = "1KiB"'
    for command, answer, said in (
        ("UIDL", b"+OK\r\n" + b"1 a\r\n" * 5000, "10240 octets in answer to UIDL"),
        ("STAT", b"+OK " + b"1" * 5000, "a line of more than 1024 octets"),
    ):
        home = tmp_path / command
        home.mkdir()
        async with OddServer({"u": list(MAILS)}) as source, SmtpServer() as target:
            source.behaviours[command] = answer
            path = configured(home, source=source.port, target=target.port, account=limits)
            row = await once(path)
            assert said in row["why"]
            assert source.deleted("u") == []


async def test_a_mail_that_is_too_large_stays_and_is_reported_in_status_and_trace(tmp_path: Path) -> None:
    async with OddServer({"u": [*MAILS, ("big", BIG)]}) as source, SmtpServer() as target:
        account = f'{SINGLE}\nmax_size = "100KiB"'
        path = configured(tmp_path, source=source.port, target=target.port, account=account)
        row = await once(path)
        assert (row["deleted"], row["left"]) == (4, 1)
        assert f"max_size is 102400 octets: big ({len(BIG)} octets)" in row["why"]
        assert "RETR 5" not in source.commands
        status = await mailferry("status", "-c", path, "-o", "json")
        assert "big (" in json.loads(status.out)["accounts"][0]["sentence"]
        trace = await mailferry("trace", "big", "-c", path)
        assert f"left at its source: it has {len(BIG)} octets, max_size is 102400." in trace.out


async def test_a_mail_that_is_too_large_is_parked_with_its_raw_bytes_and_leaves_the_source(
    tmp_path: Path,
) -> None:
    async with OddServer({"u": [*MAILS, ("big", BIG)]}) as source, SmtpServer() as target:
        account = f'{SINGLE}\nmax_size = "100KiB"\noversize = "park"'
        path = configured(tmp_path, source=source.port, target=target.port, account=account)
        row = await once(path)
        assert (row["delivered"], row["parked"], row["deleted"], row["left"]) == (4, 1, 5, 0)
        (parked,) = json.loads((await mailferry("parked", "list", "-c", path, "-o", "json")).out)
        assert "larger than the account takes" in parked["why"]
        (blob,) = [each for each in (tmp_path / "blobs").rglob("mail*") if each.is_file()]
        assert blob.read_bytes() == BIG
        await mailferry("parked", "retry", parked["message"], "--to", BOB, "-c", path)
        assert (await once(path))["delivered"] == 1
    assert subjects(target) == numbered([1, 2, 3, 4, 9])


async def test_note_2_a_notice_in_place_of_a_mail_is_not_taken_for_it(tmp_path: Path) -> None:
    notice = (
        b"From: Microsoft Exchange\r\nSubject: Retrieval using the POP3 protocol failed for the following "
        b"message: 2\r\n\r\nThe server couldn't retrieve the following message.\r\n"
    )
    about_it = notice.replace(b"Microsoft Exchange", b"Eve <eve@corp.example>")
    in_earnest = ("uid-5", about_it + b"Subject: Mail 5\r\n")
    async with OddServer({"u": [*MAILS, in_earnest]}) as source, SmtpServer() as target:
        source.behaviours["RETR"] = for_mail(MAILS[1][1], b"+OK\r\n" + stuffed(notice))
        path = configured(tmp_path, source=source.port, target=target.port, account=SINGLE)
        row = await once(path)
        assert (row["fetched"], row["left"], "sent a notice in its place" in row["why"]) == (4, 1, True)
        assert sorted(source.deleted("u")) == ["uid-1", "uid-3", "uid-4", "uid-5"]
    assert [line for line in subjects(target) if "Mail" in line] == numbered([1, 3, 4, 5])


async def test_note_16_user_names_and_passwords_of_any_characters_log_in(tmp_path: Path) -> None:
    name, password = 'Jürgen "x" %@acme', "pä ss \\ \u20ac"
    async with OddServer({name: list(MAILS)}, password=password) as source, SmtpServer() as target:
        for methods in ('["plain"]', '["user"]'):
            source.maildrops[name].mails[:] = MAILS
            home = tmp_path / methods[2:6]
            home.mkdir()
            path = configured(
                home, source=source.port, target=target.port, account=f"{SINGLE}\nauth = {methods}"
            )
            text = path.read_text(encoding="utf-8").replace("pop3://u@", f"pop3://{quote(name, safe='')}@")
            path.write_text(text.replace('"secret"', f"'{password}'"), encoding="utf-8")
            row = await once(path)
            assert (row["deleted"], row["why"]) == (4, None)


async def test_s14_a_limited_pass_delivers_the_mail_it_fetched_and_the_next_goes_on_at_once(
    tmp_path: Path,
) -> None:
    asked_before: list[int] = []
    async with OddServer({"u": list(MAILS)}) as source, SmtpServer() as target:

        def note(_session: FakeSession, _line: str) -> Outcome:
            asked_before.append(len(target.accepted))
            return None

        source.behaviours["RETR"] = note
        path = configured(
            tmp_path, source=source.port, target=target.port, account=f"{SINGLE}\nmax_messages = 2"
        )
        row = await once(path)
        assert (row["fetched"], row["deleted"], row["left"]) == (4, 4, 0)
    assert asked_before == [0, 0, 2, 2]


async def test_a_wrong_password_waits_long_and_says_so_and_a_locked_mailbox_does_not(tmp_path: Path) -> None:
    for answer, words in (
        (b"-ERR [AUTH] wrong password\r\n", "; sooner could lock the account.)"),
        (b"-ERR [IN-USE] locked\r\n", None),
        (b"-ERR [SYS/PERM] this account is closed\r\n", "(Tried again in 3"),
    ):
        home = tmp_path / answer[6:8].decode()
        home.mkdir()
        async with OddServer({"u": list(MAILS)}) as source, SmtpServer() as target:
            source.behaviours["AUTH"] = answer
            path = configured(home, source=source.port, target=target.port, account=SINGLE)
            row = await once(path)
            if words is None:
                assert "Tried again" not in row["why"]
            else:
                assert words in row["why"]
            assert len([line for line in source.commands if line.startswith("AUTH")]) == 1
            assert "PASS" not in source.verbs()


async def test_s17_without_top_the_mails_come_by_retr_and_status_says_so(tmp_path: Path) -> None:
    async with OddServer({"u": list(MAILS)}) as source, SmtpServer() as target:
        path = configured(
            tmp_path, source=source.port, target=target.port, account=f"{SINGLE}\nuse_top = true"
        )
        row = await once(path)
        assert (row["deleted"], "use_top has no effect" in row["why"]) == (4, True)
    assert subjects(target) == numbered([1, 2, 3, 4])


async def test_s17_with_top_retr_is_never_sent(tmp_path: Path) -> None:
    def top(session: FakeSession, line: str) -> Outcome:
        return b"+OK\r\n" + stuffed(session.mail(line))

    async with OddServer({"u": list(MAILS)}) as source, SmtpServer() as target:
        source.capabilities = ["USER", "UIDL", "TOP"]
        source.behaviours["TOP"] = top
        path = configured(
            tmp_path, source=source.port, target=target.port, account=f"{SINGLE}\nuse_top = true"
        )
        row = await once(path)
        assert (row["deleted"], row["why"], "RETR" in source.verbs()) == (4, None, False)
    assert subjects(target) == numbered([1, 2, 3, 4])
