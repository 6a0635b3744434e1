"""Mailferry is killed, or its server hangs up, at each step of a deletion over IMAP: no mail is lost, none is
delivered twice, and nothing stays half done.

The scripted server ends the process as the command of the step comes, or after it was carried out and before
it is answered. No step of Mailferry's own is as exact: it sends several commands at once.

Each step has an account and a server of its own, and one process fetches all of them, since each start of a
process takes a second.
"""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.imap_server import CAPABILITIES, HANG_UP, FakeImapSession, ImapServer, Outcome
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import Tagged, lf, tag_of, tagged_mails
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records, assert_arrived_whole, assert_no_duplicates, copies

COUNT = 6
PASSES = 3
"""After the fault, until everything is done: what broke off is done, deleted, and seen to be gone."""
EXPUNGE, ARCHIVE, TRASH = "expunge", "move:Archive", "trash"
NO_UIDPLUS, NO_MOVE = ("UIDPLUS", "MOVE"), ("MOVE",)


@dataclass(frozen=True)
class Step:
    """The command at which it happens.

    `is_done`: the server has carried the command out, and its answer is not heard; `half`: it has done half
    of it. `without`: capabilities that the server has not. `as_before`: the server has done as much as at the
    step above. A process that is killed hears no answer, so that this is the same to it. `doubled`: after a
    kill, mails may be in the other folder twice, since nobody knows whether they were copied. After a lost
    connection that is so only where the answer to COPY was lost.
    """

    command: str
    removal: str = EXPUNGE
    is_done: bool = False
    half: bool = False
    without: tuple[str, ...] = ()
    doubled: bool = False
    as_before: bool = False

    def __str__(self) -> str:
        when = "half of" if self.half else "after" if self.is_done else "before"
        return f"{when} {self.command}, {self.removal}"


WAYS = {
    "expunged by name": (
        Step("UID STORE"),
        Step("UID STORE", is_done=True),
        Step("UID EXPUNGE", as_before=True),
        Step("UID EXPUNGE", half=True),
        Step("UID EXPUNGE", is_done=True),
        Step("UID SEARCH", as_before=True),
        Step("UID SEARCH", is_done=True, as_before=True),
    ),
    "expunged with all that is marked": (
        Step("UID STORE", is_done=True, without=NO_UIDPLUS),
        Step("UID SEARCH", without=NO_UIDPLUS, as_before=True),
        Step("EXPUNGE", without=NO_UIDPLUS, as_before=True),
        Step("EXPUNGE", is_done=True, without=NO_UIDPLUS),
    ),
    "moved": (
        Step("UID MOVE", ARCHIVE),
        Step("UID MOVE", TRASH, half=True),
        Step("UID MOVE", ARCHIVE, is_done=True),
        Step("UID SEARCH", TRASH, as_before=True),
    ),
    "copied and expunged": (
        Step("UID COPY", ARCHIVE, without=NO_MOVE),
        Step("UID COPY", ARCHIVE, is_done=True, without=NO_MOVE, doubled=True),
        Step("UID STORE", ARCHIVE, without=NO_MOVE, doubled=True, as_before=True),
        Step("UID STORE", ARCHIVE, is_done=True, without=NO_MOVE, doubled=True),
        Step("UID EXPUNGE", TRASH, without=NO_MOVE, doubled=True, as_before=True),
        Step("UID EXPUNGE", TRASH, half=True, without=NO_MOVE, doubled=True),
        Step("UID EXPUNGE", ARCHIVE, is_done=True, without=NO_MOVE),
        Step("UID SEARCH", ARCHIVE, is_done=True, without=NO_MOVE, as_before=True),
    ),
}
"""The steps, by how mails leave their folder."""
STEPS = [step for steps in WAYS.values() for step in steps]


class Course:
    """The mails of one step, and their server."""

    def __init__(self, number: int, step: Step) -> None:
        self.name = f"step-{number}"
        self.address = f"{self.name}@corp.example"
        self.step = step
        self.mails = tagged_mails(self.name, COUNT, to=self.address)
        self.server = ImapServer(
            {"u": {"INBOX": [each.raw for each in self.mails], "Archive": [], "Bin": []}}
        )
        self.server.folder("u", "Bin").attributes = ("\\Trash",)
        self.server.capabilities = [each for each in CAPABILITIES if each not in step.without]

    def account(self) -> str:
        """The account in the configuration."""
        removal = f'removal = "{self.step.removal}"'
        return account(self.name, self.server.port, Login("u", "secret"), removal, scheme="imap")

    def break_at_step(self, happens: Callable[[], None] = lambda: None) -> None:
        """Let the connection break at the step, and at no later one."""
        step, behaviours = self.step, self.server.behaviours

        def behave(session: FakeImapSession) -> Outcome:
            del behaviours[step.command]
            if step.half:
                half_of(session)
            if step.is_done or step.half:
                session.honest()
            happens()
            return HANG_UP

        behaviours[step.command] = behave

    @property
    def is_passed(self) -> bool:
        return not self.server.behaviours

    def faults(self, *, killed: bool) -> list[str]:
        """Return what is left half done in the folders."""
        may_be_twice = self.step.doubled and (killed or self.step.command == "UID COPY")
        left = self.server.folder("u").mails
        found = [f"{len(left)} mails are left"] if left else []
        if self.step.removal != EXPUNGE:
            folder = self.server.folder("u", "Bin" if self.step.removal == TRASH else "Archive")
            there = Counter(tag_of(mail.raw) for mail in folder.mails)
            if there.keys() != {mail.tag for mail in self.mails}:
                found.append(f"only {sorted(there)} are in the other folder")
            if there and max(there.values()) > (2 if may_be_twice else 1):
                found.append(f"copies are in the other folder: {there}")
        return found


def half_of(session: FakeImapSession) -> None:
    """Leave of the command's set only the first half."""
    arguments = session.command.arguments
    place = next(place for place, each in enumerate(arguments) if isinstance(each, bytes))
    written = arguments[place]
    assert isinstance(written, bytes)
    first, last = re.fullmatch(rb"(\d+):(\d+)", written).groups()  # type: ignore[union-attr] # the set is a range
    arguments[place] = b"%d:%d" % (int(first), (int(first) + int(last)) // 2)


@dataclass(frozen=True)
class Crossing:
    """All courses, fetched by one Mailferry."""

    courses: list[Course]
    ferry: Ferry
    target: SmtpServer

    def assert_ends_well(self, *, killed: bool) -> None:
        """Assert that after some passes each mail has arrived once and is where it belongs."""
        *_, ended = [self.ferry.call("once") for _ in range(PASSES)]
        assert ended.code == 0, ended.out + ended.err
        faults = {str(each.step): found for each in self.courses if (found := each.faults(killed=killed))}
        assert faults == {}
        mails = [mail for each in self.courses for mail in each.mails]
        records, arrived = Records(self.ferry.path), copies(self.target.accepted)
        records.assert_journal_agrees(len(mails))
        assert records.parked() == {}
        assert arrived.keys() == {(mail.tag, each.address) for each in self.courses for mail in each.mails}
        assert_arrived_whole(self.target.accepted, mails)
        assert_no_duplicates(arrived, records.in_doubt([each.address for each in self.courses]))


@contextmanager
def crossing_of(steps: Sequence[Step], directory: Path) -> Iterator[Crossing]:
    courses = [Course(number, step) for number, step in enumerate(steps)]
    with ExitStack() as stack:
        for each in courses:
            stack.enter_context(in_background(each.server))
        target = stack.enter_context(in_background(SmtpServer()))
        text = configuration([each.account() for each in courses], target=target.port)
        yield Crossing(courses, stack.enter_context(Ferry(directory, text)), target)


@pytest.mark.kill
@pytest.mark.timeout(300)
def test_fault_34_a_kill_while_mails_leave_their_imap_folder_loses_and_doubles_none(tmp_path: Path) -> None:
    with crossing_of([each for each in STEPS if not each.as_before], tmp_path) as crossing:
        for each in crossing.courses:
            started: list[FerryProcess] = []
            each.break_at_step(lambda started=started: os.kill(started[0].pid, signal.SIGKILL))  # type: ignore[misc]
            started.append(crossing.ferry.start("once", f"acme/{each.name}"))
            assert started[0].ended() == -signal.SIGKILL, started[0].output
        crossing.assert_ends_well(killed=True)


def test_a_connection_that_is_lost_while_mails_leave_their_imap_folder_costs_none(tmp_path: Path) -> None:
    with crossing_of(STEPS, tmp_path) as crossing:
        for each in crossing.courses:
            each.break_at_step()
        crossing.ferry.call("once")
        assert [str(each.step) for each in crossing.courses if not each.is_passed] == []
        crossing.assert_ends_well(killed=False)


FETCHER_STEPS = ("recorded", "published", "deleting-recorded", "deleted", "gone-recorded:2", "quit")


@pytest.mark.kill
@pytest.mark.timeout(180)
@pytest.mark.parametrize("removal", [EXPUNGE, ARCHIVE])
def test_fault_34_a_fetcher_killed_at_each_of_its_steps_loses_no_mail_of_a_real_imap_server(
    removal: str, dovecot: Dovecot, tmp_path: Path
) -> None:
    login, mails = dovecot.new_user(), list[Tagged]()
    dovecot.add_folder(login.name, dovecot.archive)
    box = account("bob", dovecot.imap_port, login, f'removal = "{removal}"', scheme="imap")
    with (
        in_background(SmtpServer()) as target,
        Ferry(tmp_path, configuration([box], target=target.port)) as ferry,
    ):
        for number, step in enumerate(FETCHER_STEPS):
            more = tagged_mails(f"mail-{number}", 3)
            dovecot.fill(login.name, [mail.raw for mail in more])
            mails += more
            assert ferry.start(MAILFERRY_DIE_AT=f"fetcher.{step}").ended() == -signal.SIGKILL, step
        last = ferry.start().ready()
        wanted = {(mail.tag, "bob@corp.example") for mail in mails}
        last.wait_until(
            lambda: dovecot.remaining_count(login.name) == 0 and copies(target.accepted).keys() == wanted
        )
        assert last.terminate() == 0
        records = Records(ferry.path)
        records.assert_journal_agrees(len(mails))
        assert_arrived_whole(target.accepted, mails)
        assert_no_duplicates(copies(target.accepted), records.in_doubt(["bob@corp.example"]))
    if removal == ARCHIVE:
        archived = dovecot.remaining(login.name, dovecot.archive)
        assert sorted(map(lf, archived)) == sorted(lf(mail.raw) for mail in mails)
