"""Every odd POP3 server serves nine odd mails: all arrive unchanged, each once, and leave the source once.

A mail that is listed with a size and arrives empty stays at the source. The names of the oddities refer to
the field notes and faults (`tests.fakes.odd_pop3`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes import odd_pop3 as odd
from tests.fakes.command import SINGLE, configured, letter, mailferry
from tests.fakes.odd_mails import as_carried, odd_mails
from tests.fakes.odd_pop3 import Oddity, OddServer
from tests.fakes.pop3_server import HANG_UP, Pop3Server
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import untraced

BOB = "bob@corp.example"
ACCOUNT = f'{SINGLE}\ndedup = "off"\ntimeout = "20s"'


@dataclass(frozen=True)
class Case:
    """An oddity, the passes until nothing more can be read, settings of the account, and the UIDs
    that stay.
    """

    oddity: Oddity
    passes: int = 1
    keys: str = ""
    stay: Sequence[str] = ()


CASES = (
    Case(odd.honest),
    Case(odd.note_1_only_the_oldest_are_listed, passes=3),
    Case(odd.note_4_authenticated_but_not_connected, passes=2),
    Case(odd.note_5_throttled_in_the_middle, passes=2),
    Case(odd.note_6_polled_too_often, passes=2),
    Case(odd.note_7_the_mailbox_is_locked, passes=2),
    Case(odd.note_8_the_lock_survives_a_broken_session, passes=4),
    Case(odd.note_9_a_line_of_the_listing_is_malformed),
    Case(odd.note_12_nothing_is_pipelined),
    Case(odd.note_12_nothing_is_pipelined, keys='pipelining = "always"'),
    Case(odd.honest, keys='pipelining = "never"'),
    Case(odd.honest, keys='max_messages = 2\nmax_bytes = "100KiB"'),
    Case(odd.note_13_dots_are_not_doubled),
    Case(odd.note_13_dots_are_not_doubled_and_nothing_is_pipelined),
    Case(odd.note_14_sizes_count_bare_line_feeds),
    Case(odd.note_14_sizes_count_doubled_dots, stay=["empty"]),
    Case(odd.note_14_sizes_are_too_large, stay=["empty"]),
    Case(odd.note_14_sizes_are_negative),
    Case(odd.note_14_there_is_no_list),
    Case(odd.note_15_status_lines_are_strange),
    Case(odd.note_15_answers_come_in_pieces),
    Case(odd.note_15_answers_begin_octet_by_octet),
    Case(odd.note_17_capa_is_not_known),
    Case(odd.note_17_a_method_hangs_up),
    Case(odd.note_37_an_empty_line_comes_behind_each_mail),
    Case(odd.note_37_an_empty_line_comes_behind_each_mail_and_nothing_is_pipelined),
    Case(odd.note_37_a_remark_comes_behind_a_mail),
    Case(odd.note_37_an_empty_line_comes_before_the_answers_to_dele),
    Case(odd.note_37_a_deletion_is_not_answered_readably, passes=2),
    Case(odd.fault_1_hangs_up_before_quit, passes=2),
    Case(odd.fault_2_quit_removes_half, passes=2),
    Case(odd.fault_10_the_count_is_negative),
    Case(odd.fault_12_hangs_up_in_the_middle_of_a_mail, passes=3),
    Case(odd.top_where_retr_hides, keys="use_top = true"),
    Case(odd.honest, keys="use_top = true"),
)


def named(case: Case) -> str:
    return " ".join([case.oddity.__name__, *case.keys.split("\n")]).strip()


@pytest.mark.parametrize("case", CASES, ids=named)
async def test_fault_14_and_notes_all_odd_mails_arrive_as_they_are_and_leave_the_source_once(
    case: Case, tmp_path: Path
) -> None:
    # Three megabytes are many buffers too, and cost each case two seconds of CPU less than thirty.
    mails = odd_mails(megabytes=30 if case.oddity is odd.honest else 3)
    server = OddServer({"u": list(mails.items())})
    case.oddity(server)
    async with server as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port, account=f"{ACCOUNT}\n{case.keys}")
        passes = [await mailferry("once", "-c", path, "-o", "json") for _ in range(case.passes)]
        assert json.loads(passes[-1].out)[0]["left"] == len(case.stay), passes
        assert Counter(source.deleted("u")) == Counter(mails.keys() - case.stay)
        arrived = Counter(as_carried(untraced(mail.content)) for mail in target.accepted)
    assert arrived == Counter(as_carried(raw) for uid, raw in mails.items() if uid not in case.stay)


async def test_a_mail_that_arrives_empty_stays_and_is_reported_while_the_others_go_on(
    tmp_path: Path,
) -> None:
    server = Pop3Server({"u": [("a", letter(1, BOB)), ("b", letter(2, BOB))]})
    server.behaviours["RETR 1"] = b"+OK\r\n.\r\n"
    async with server as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port, account=SINGLE)
        (first,) = json.loads((await mailferry("once", "-c", path, "-o", "json")).out)
        assert (first["fetched"], first["left"], source.deleted("u")) == (1, 1, ["b"])
        assert "nothing at all in place of mail 1" in first["why"]
        await mailferry("once", "-c", path)
        assert (source.commands.count("RETR 1"), source.deleted("u")) == (1, ["b"])
        assert [b"Text 2" in mail.content for mail in target.accepted] == [True]


async def test_a_large_mail_behind_one_that_is_refused_is_carried(tmp_path: Path) -> None:
    large = letter(2, BOB) + b"A line of it.\r\n" * 30_000
    server = Pop3Server({"u": [("a", letter(1, BOB)), ("large", large), ("c", letter(3, BOB))]})
    server.behaviours["RETR 1"] = b"-ERR too many lines in the header\r\n"
    async with server as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port, account=SINGLE)
        (row,) = json.loads((await mailferry("once", "-c", path, "-o", "json")).out)
        assert (row["fetched"], row["left"], sorted(source.deleted("u"))) == (2, 1, ["c", "large"])
        assert "mail a was tried once" in row["why"]


def without_uids(mails: list[tuple[str, bytes]]) -> Pop3Server:
    server = Pop3Server({"u": mails}, capabilities=["USER", "PIPELINING"])
    server.behaviours["UIDL"] = b"-ERR unknown command\r\n"
    return server


async def test_without_uids_a_mail_that_breaks_each_session_blocks_no_other(tmp_path: Path) -> None:
    server = without_uids([(f"u{n}", letter(n, BOB)) for n in range(1, 4)])
    server.behaviours["RETR 1"] = HANG_UP
    async with server as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port, account=SINGLE)
        passes = [await mailferry("once", "-c", path, "-o", "json") for _ in range(4)]
        assert (sorted(source.deleted("u")), len(target.accepted)) == (["u2", "u3"], 2)
        assert "was tried 2 times and is tried again in 5m" in json.loads(passes[-1].out)[0]["why"]
        name = f"{len(letter(1, BOB))}-octets"
        traced = (await mailferry("trace", name, "-c", path)).out
        assert traced.startswith(f"{name} of acme/inbox was not read in 2 attempts; next attempt after ")
        assert source.commands.count("RETR 1") == 2


async def test_without_uids_a_mail_that_its_server_cuts_is_read_by_its_size(tmp_path: Path) -> None:
    dotted = letter(1, BOB) + b"before\r\n.\r\nafter\r\n"
    server = without_uids([("dotted", dotted), ("u2", letter(2, BOB)), ("u3", letter(3, BOB))])
    server.behaviours["RETR"] = lambda session, line: b"+OK\r\n" + session.mail(line) + b".\r\n"
    async with server as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port, account=SINGLE)
        for _ in range(3):
            await mailferry("once", "-c", path)
        assert Counter(source.deleted("u")) == Counter(["dotted", "u2", "u3"])
        assert sum(b"after" in mail.content for mail in target.accepted) == 1
        assert (len(target.accepted), source.connections < 10) == (3, True)
