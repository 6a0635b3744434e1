"""POP3 servers as they are met in the field: each is the honest one of the tests with one oddity.

An oddity is a function that makes a server peculiar; its name says which field note or fault it stands for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from typing_extensions import override

from services.standalone.demo.pop3_session import Pop3Session
from tests.fakes.pop3_server import HANG_UP, Behaviour, FakeSession, Outcome, Pop3Server, stuffed

PLAIN = ["USER", "UIDL"]
THROTTLED = b"-ERR Request is throttled. Suggested Backoff Time: 60000 milliseconds\r\n"


class OddSession(FakeSession):
    @override
    async def answer(self, line: str) -> bytes:
        answer = await super().answer(line)
        server = self.odd_server
        if server.most_listed is not None:
            del self._mails[server.most_listed :]
        is_slow = line.startswith(server.slow) and server.piece > 0
        pieces = min(server.pieces, len(answer) // server.piece) if is_slow else 0
        for place in range(pieces):
            self.writer.write(answer[place * server.piece : (place + 1) * server.piece])
            await self.writer.drain()
            await asyncio.sleep(server.pause)
        return answer[pieces * server.piece :]

    odd_server: OddServer


class OddServer(Pop3Server):
    """Answers to commands that begin with `slow` begin with up to `pieces` pieces of `piece` octets, with a
    `pause` in seconds after each; a session shows the `most_listed` oldest mails.
    """

    piece = 0
    pieces = 0
    pause = 0.0
    slow = ""
    most_listed: int | None = None

    @override
    def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Pop3Session:
        self.connections += 1
        session = OddSession(self, reader, writer)
        session.odd_server = self
        return session


Oddity: TypeAlias = Callable[[OddServer], None]


def _sizes(server: OddServer, listed: Callable[[bytes], int]) -> None:
    def scan(session: FakeSession, line: str) -> bytes:
        sizes = {number: listed(mail) for number, _, mail in session.mails}
        if " " in line:
            number = int(line.split()[1])
            return f"+OK {number} {sizes[number]}\r\n".encode()
        lines = "".join(f"{number} {size}\r\n" for number, size in sizes.items())
        return b"+OK\r\n" + lines.encode() + b".\r\n"

    server.behaviours["LIST"] = scan


def _once(server: OddServer, command: str, outcome: Behaviour) -> None:
    """The first time only."""
    asked: list[str] = []

    def behave(session: FakeSession, line: str) -> Outcome:
        asked.append(line)
        if len(asked) > 1:
            return None
        return outcome(session, line) if callable(outcome) else outcome

    server.behaviours[command] = behave


def honest(server: OddServer) -> None:
    """Nothing is odd."""


def note_1_only_the_oldest_are_listed(server: OddServer) -> None:
    server.most_listed = 4


def note_4_authenticated_but_not_connected(server: OddServer) -> None:
    for command in ("STAT", "LIST", "UIDL"):
        _once(server, command, b"-ERR User is authenticated but not connected.\r\n")


def note_5_throttled_in_the_middle(server: OddServer) -> None:
    for number in range(3, 10):
        _once(server, f"RETR {number}", THROTTLED)


def note_6_polled_too_often(server: OddServer) -> None:
    _once(server, "AUTH", b"-ERR [SYS/TEMP] EmailPopTooOften\r\n")


def note_7_the_mailbox_is_locked(server: OddServer) -> None:
    _once(server, "AUTH", b"-ERR [IN-USE] Unable to lock maildrop\r\n")


def note_8_the_lock_survives_a_broken_session(server: OddServer) -> None:
    def hang_up_locked(session: FakeSession, _: str) -> Outcome:
        _once(server, "AUTH", b"-ERR [IN-USE] another session has this mailbox open\r\n")
        return HANG_UP

    _once(server, "RETR 5", hang_up_locked)


def note_9_a_line_of_the_listing_is_malformed(server: OddServer) -> None:
    def uidl(session: FakeSession, line: str) -> bytes | None:
        if " " in line:
            return None
        lines = "".join(f"{number} {uid}\r\n" for number, uid, _ in session.mails)
        return b"+OK\r\n" + lines.encode() + b"\x00\xff nonsense\r\n\r\n.\r\n"

    server.behaviours["UIDL"] = uidl


def note_12_nothing_is_pipelined(server: OddServer) -> None:
    server.capabilities = PLAIN


def note_13_dots_are_not_doubled(server: OddServer) -> None:
    def retr(session: FakeSession, line: str) -> bytes:
        mail = session.mail(line)
        return b"+OK\r\n" + mail + (b"" if not mail or mail.endswith(b"\r\n") else b"\r\n") + b".\r\n"

    server.behaviours["RETR"] = retr


def note_13_dots_are_not_doubled_and_nothing_is_pipelined(server: OddServer) -> None:
    note_13_dots_are_not_doubled(server)
    server.capabilities = PLAIN


def note_14_sizes_count_bare_line_feeds(server: OddServer) -> None:
    _sizes(server, lambda mail: len(mail.replace(b"\r\n", b"\n")))


def note_14_sizes_count_doubled_dots(server: OddServer) -> None:
    _sizes(server, lambda mail: len(stuffed(mail)))


def note_14_sizes_are_too_large(server: OddServer) -> None:
    _sizes(server, lambda mail: 2 * len(mail) + 1000)


def note_14_sizes_are_negative(server: OddServer) -> None:
    _sizes(server, lambda _: -5)


def note_14_there_is_no_list(server: OddServer) -> None:
    server.behaviours["LIST"] = b"-ERR unknown command\r\n"


def note_15_status_lines_are_strange(server: OddServer) -> None:
    server.behaviours["STAT"] = b"+ok 1000000000 99999999999999999999\n"
    _once(server, "NOOP", b"+OK" + b" talkative" * 500 + b"\r\n")


def note_15_answers_come_in_pieces(server: OddServer) -> None:
    server.piece, server.pieces = 1000, 5000


def note_15_answers_begin_octet_by_octet(server: OddServer) -> None:
    server.piece, server.pieces = 1, 500


def note_17_capa_is_not_known(server: OddServer) -> None:
    server.behaviours["CAPA"] = b"-ERR\r\n"


def note_17_a_method_hangs_up(server: OddServer) -> None:
    server.behaviours["AUTH"] = HANG_UP


def note_18_a_mail_is_gone_for_a_while(server: OddServer) -> None:
    _once(server, "RETR 4", b"-ERR no such message\r\n")


def note_37_an_empty_line_comes_behind_each_mail(server: OddServer) -> None:
    server.altered["RETR"] = lambda answer: answer + b"\r\n"


def note_37_an_empty_line_comes_behind_each_mail_and_nothing_is_pipelined(server: OddServer) -> None:
    note_37_an_empty_line_comes_behind_each_mail(server)
    server.capabilities = PLAIN


def note_37_a_remark_comes_behind_a_mail(server: OddServer) -> None:
    server.altered["RETR 3"] = lambda answer: answer + b"(scanned)\r\n"


def note_37_an_empty_line_comes_before_the_answers_to_dele(server: OddServer) -> None:
    server.altered["DELE"] = lambda answer: b"\r\n" + answer


def note_37_a_deletion_is_not_answered_readably(server: OddServer) -> None:
    server.altered["DELE"] = lambda _: b"\r\n"


def fault_1_hangs_up_before_quit(server: OddServer) -> None:
    _once(server, "QUIT", HANG_UP)


def fault_2_quit_removes_half(server: OddServer) -> None:
    def quit_partly(session: FakeSession, _: str) -> None:
        session.spare_every_other()

    _once(server, "QUIT", quit_partly)


def fault_10_the_count_is_negative(server: OddServer) -> None:
    server.behaviours["STAT"] = b"+OK -5 -5\r\n"


def fault_12_hangs_up_in_the_middle_of_a_mail(server: OddServer) -> None:
    def half(session: FakeSession, line: str) -> bytes:
        session.hang_up()
        return b"+OK\r\n" + session.mail(line)[:50]

    _once(server, "RETR 2", half)


def top_where_retr_hides(server: OddServer) -> None:
    """S17: RETR is answered too, but it must not be used."""

    def top(session: FakeSession, line: str) -> bytes:
        return b"+OK\r\n" + stuffed(session.mail(line))

    server.capabilities = [*PLAIN, "TOP", "PIPELINING"]
    server.behaviours["TOP"] = top
    server.behaviours["RETR"] = b"-ERR you were to use TOP\r\n"
