"""In any order of events no mail is lost, none is duplicated without need, and all are finished.

The real services run in `tests.fakes.simulation`. Hypothesis decides which process runs, what fails, which
process is killed, and how much time passes.
"""

from __future__ import annotations

import sqlite3

import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from structlog.testing import LogCapture

from tests.fakes.simulation.checks import PromiseBroken, check_end, check_journal, check_nothing_lost
from tests.fakes.simulation.mails import make_mail
from tests.fakes.simulation.process import Outcome
from tests.fakes.simulation.simulation import (
    ACCOUNT_LEASE,
    ACCOUNTS,
    FETCHERS,
    MESSAGE_LEASE,
    MOVER,
    RETENTION,
    SERVICES,
    UNLIMITED,
    Simulation,
)
from tests.fakes.simulation.target import Answer

PEOPLE = ("bob", "eve")
BIG = 2000
DIFFERENCE = 97
"""Octets by which mails differ in size, so that no two are the same."""
accounts = st.sampled_from(ACCOUNTS)
fetchers = st.sampled_from(FETCHERS)
processes = st.sampled_from([*FETCHERS, *SERVICES])
turns = st.sampled_from([UNLIMITED, UNLIMITED, 1, 2, 3, 5, 8])
which = st.integers(0, 3)


class Custody(RuleBasedStateMachine):
    """One history of the simulation."""

    def __init__(self) -> None:
        super().__init__()
        self.logs = LogCapture()
        structlog.configure(processors=[structlog.processors.format_exc_info, self.logs])
        self.simulation = Simulation()
        self.arrived = 0
        self.backup: sqlite3.Connection | None = None
        self.octets: dict[str, int] = {}

    @rule(account=accounts, people=st.lists(st.sampled_from(PEOPLE), unique=True, max_size=2),
          used_uid=st.booleans(), big=st.booleans())  # fmt: skip
    def a_mail_arrives(self, account: str, people: list[str], used_uid: bool, big: bool) -> None:
        self.arrived += 1
        identity = f"mail-{self.arrived}"
        self.octets[identity] = DIFFERENCE * self.arrived + BIG * big
        mail = make_mail(identity, identity, *people, octets=self.octets[identity])
        self.simulation.arrive(account, mail, under_a_used_uid=used_uid)

    @precondition(lambda self: self.octets)
    @rule(account=accounts, place=which, people=st.lists(st.sampled_from(PEOPLE), unique=True, max_size=2))
    def a_copy_arrives(self, account: str, place: int, people: list[str]) -> None:
        self.arrived += 1
        identity = list(self.octets)[place % len(self.octets)]
        tag = f"copy-{self.arrived}-of-{identity}"
        copy = make_mail(tag, identity, *people, octets=self.octets[identity])
        self.simulation.arrive(account, copy)

    @rule(fetcher=fetchers, account=accounts, turns=turns)
    def a_fetcher_visits(self, fetcher: str, account: str, turns: int) -> None:
        self.simulation.visit(fetcher, account, turns)

    @rule(name=processes, turns=turns, which=which)
    def a_process_continues(self, name: str, turns: int, which: int) -> None:
        self.simulation.run(name, turns, which)

    @rule(name=processes, outcome=st.sampled_from([Outcome.FAILS, Outcome.ANSWER_LOST]), which=which)
    def an_effect_fails(self, name: str, outcome: Outcome, which: int) -> None:
        self.simulation.step_with(name, outcome, which)

    @rule(name=processes)
    def a_process_is_killed(self, name: str) -> None:
        self.simulation.kill(name)

    @rule(seconds=st.sampled_from([2.0, 30.0, ACCOUNT_LEASE + 1, MESSAGE_LEASE + 1, RETENTION]))
    def time_passes(self, seconds: float) -> None:
        self.simulation.pass_time(seconds)

    @rule()
    def the_broker_is_wiped(self) -> None:
        self.simulation.wipe_broker()

    @rule(person=st.sampled_from([*PEOPLE, "postmaster"]), answer=st.sampled_from(Answer))
    def the_target_changes_its_answer(self, person: str, answer: Answer) -> None:
        self.simulation.target.answers[f"{person}@corp.example"] = answer
        self.simulation.history.append(f"the target {answer.name.lower()} mail for {person}")

    @rule(is_full=st.booleans())
    def the_blob_disk_fills_up_or_has_room(self, is_full: bool) -> None:
        self.simulation.blob_store.is_full = is_full

    @rule()
    def the_source_renumbers_its_mails(self) -> None:
        self.simulation.maildrops[MOVER].renumber()
        self.simulation.history.append("UIDVALIDITY changes")

    @rule(account=accounts)
    def a_reader_deletes_a_mail(self, account: str) -> None:
        self.simulation.delete_at_source(account)

    @rule()
    def the_database_is_backed_up(self) -> None:
        self.backup = self.simulation.database.backup()

    @precondition(lambda self: self.backup is not None)
    @rule()
    def the_backup_is_restored(self) -> None:
        if self.backup is not None:
            self.simulation.restore(self.backup)

    @rule()
    def an_operator_confirms_the_epoch(self) -> None:
        self.simulation.confirm_epoch()

    @rule(place=which, retry=st.booleans())
    def an_operator_decides_about_a_parked_mail(self, place: int, retry: bool) -> None:
        if retry:
            self.simulation.retry_parked(place)
        else:
            self.simulation.discard_parked(place)

    @rule()
    def an_operator_has_the_journal_verified(self) -> None:
        check_journal(self.simulation)

    @invariant()
    def no_mail_is_lost(self) -> None:
        check_nothing_lost(self.simulation)

    @invariant()
    def no_defect_was_logged(self) -> None:
        unforeseen = [entry["exception"] for entry in self.logs.entries if "exception" in entry]
        if unforeseen:
            raise PromiseBroken(f"unforeseen: {unforeseen[0]}", self.simulation)

    def teardown(self) -> None:
        try:
            check_end(self.simulation)
        finally:
            self.simulation.close()
            structlog.reset_defaults()


def test_custody_holds_in_every_history() -> None:
    """Each run has the same histories, so that a failure comes from a change. They are not shrunk."""
    run_state_machine_as_test(
        Custody,
        settings=settings(
            max_examples=35,
            stateful_step_count=40,
            derandomize=True,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
