"""Whatever happens in whatever order: no mail is lost, none is doubled without need, and all of it is done.

The real services run in a small world (see `tests.fakes.world`). Hypothesis decides which process goes on,
what fails, which process is killed, and how much time passes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from structlog.testing import LogCapture

from tests.fakes.world.finale import Broken, all_ends, journal_agrees, nothing_lost
from tests.fakes.world.imap_source import Expunging, Showing
from tests.fakes.world.letters import letter
from tests.fakes.world.process import EffectFault
from tests.fakes.world.target import Mood
from tests.fakes.world.world import (
    ACCOUNT_LEASE,
    ACCOUNTS,
    ALL_TURNS,
    FETCHERS,
    IMAP_ACCOUNTS,
    IMAP_MOVER,
    MESSAGE_LEASE,
    MOVER,
    RETENTION,
    SERVICES,
    World,
)

PEOPLE = ("bob", "eve")
BIG = 2000
DIFFERENCE = 97
"""Octets by which no two mails are alike, whatever else their headers say."""
places = st.integers(0, 5)
"""An account, by its place among those of the history: each of two or three comes as often as the others."""
fetchers = st.sampled_from(FETCHERS)
processes = st.sampled_from([*FETCHERS, *SERVICES])
turns = st.sampled_from([ALL_TURNS, ALL_TURNS, 1, 2, 3, 5, 8])
which = st.integers(0, 3)


class Custody(RuleBasedStateMachine):
    """One history of the small world, with its sources. `mover` is an account where copies are recognised."""

    accounts: Sequence[str] = ACCOUNTS
    mover = MOVER

    def __init__(self) -> None:
        super().__init__()
        self.logs = LogCapture()
        structlog.configure(processors=[structlog.processors.format_exc_info, self.logs])
        self.world = World(self.accounts)
        self.arrived = 0
        self.backup: sqlite3.Connection | None = None
        self.octets: dict[str, int] = {}

    def name_of(self, place: int) -> str:
        return self.accounts[place % len(self.accounts)]

    @rule(account=places, people=st.lists(st.sampled_from(PEOPLE), unique=True, max_size=2),
          used_uid=st.booleans(), big=st.booleans())  # fmt: skip
    def a_mail_arrives(self, account: int, people: list[str], used_uid: bool, big: bool) -> None:
        self.arrived += 1
        identity = f"mail-{self.arrived}"
        self.octets[identity] = DIFFERENCE * self.arrived + BIG * big
        mail = letter(identity, identity, *people, octets=self.octets[identity])
        self.world.arrive(self.name_of(account), mail, under_a_used_uid=used_uid)

    @precondition(lambda self: self.octets)
    @rule(account=places, place=which, people=st.lists(st.sampled_from(PEOPLE), unique=True, max_size=2))
    def a_copy_arrives(self, account: int, place: int, people: list[str]) -> None:
        self.arrived += 1
        identity = list(self.octets)[place % len(self.octets)]
        tag = f"copy-{self.arrived}-of-{identity}"
        copy = letter(tag, identity, *people, octets=self.octets[identity])
        self.world.arrive(self.name_of(account), copy)

    @rule(fetcher=fetchers, account=places, turns=turns)
    def a_fetcher_visits(self, fetcher: str, account: int, turns: int) -> None:
        self.world.visit(fetcher, self.name_of(account), turns)

    @rule(account=places)
    def a_visit_goes_well(self, account: int) -> None:
        self.world.visit(FETCHERS[0], self.name_of(account))
        self.world.run_all()

    @rule(name=processes, turns=turns, which=which)
    def a_process_goes_on(self, name: str, turns: int, which: int) -> None:
        self.world.run(name, turns, which)

    @rule(name=processes, fault=st.sampled_from([EffectFault.FAILS, EffectFault.UNHEARD]), which=which)
    def an_effect_goes_wrong(self, name: str, fault: EffectFault, which: int) -> None:
        self.world.fail_effect(name, fault, which)

    @rule(name=processes)
    def a_process_is_killed(self, name: str) -> None:
        self.world.kill(name)

    @rule(seconds=st.sampled_from([2.0, 30.0, ACCOUNT_LEASE + 1, MESSAGE_LEASE + 1, RETENTION]))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule()
    def the_broker_is_wiped(self) -> None:
        self.world.wipe_broker()

    @rule(person=st.sampled_from([*PEOPLE, "postmaster"]), mood=st.sampled_from(Mood))
    def the_target_changes_its_mind(self, person: str, mood: Mood) -> None:
        self.world.target.moods[f"{person}@corp.example"] = mood
        self.world.history.append(f"the target's mood about {person}: {mood.name}")

    @rule(is_full=st.booleans())
    def the_blob_disk_fills_up_or_has_room(self, is_full: bool) -> None:
        self.world.shelf.is_full = is_full

    @rule()
    def the_source_renumbers_its_mails(self) -> None:
        self.world.maildrops[self.mover].renumber()
        self.world.history.append("UIDVALIDITY changes")

    @rule(account=places)
    def somebody_takes_a_mail_away(self, account: int) -> None:
        self.world.take_away(self.name_of(account))

    @rule()
    def the_database_is_backed_up(self) -> None:
        self.backup = self.world.database.backup()

    @precondition(lambda self: self.backup is not None)
    @rule()
    def the_backup_is_restored(self) -> None:
        if self.backup is not None:
            self.world.restore(self.backup)

    @rule()
    def an_operator_confirms_the_epoch(self) -> None:
        self.world.confirm_epoch()

    @rule(place=which, retry=st.booleans())
    def an_operator_decides_about_a_parked_mail(self, place: int, retry: bool) -> None:
        if retry:
            self.world.retry_parked(place)
        else:
            self.world.discard_parked(place)

    @rule()
    def an_operator_has_the_journal_verified(self) -> None:
        journal_agrees(self.world)

    @invariant()
    def no_mail_is_lost(self) -> None:
        nothing_lost(self.world)

    @invariant()
    def nothing_unforeseen_happened(self) -> None:
        unforeseen = [entry["exception"] for entry in self.logs.entries if "exception" in entry]
        if unforeseen:
            raise Broken(f"unforeseen: {unforeseen[0]}", self.world)

    def teardown(self) -> None:
        try:
            all_ends(self.world)
        finally:
            self.world.close()
            structlog.reset_defaults()


class ImapCustody(Custody):
    """The same, with IMAP sources: folders, other clients, and servers that do not do what they say."""

    accounts = IMAP_ACCOUNTS
    mover = IMAP_MOVER

    @initialize()
    def mails_are_there(self) -> None:
        for account in range(len(self.accounts)):
            for _ in range(2):
                self.a_mail_arrives(account, ["bob"], used_uid=False, big=False)

    @rule(account=places)
    def a_mail_is_settled_and_its_fetcher_dies(self, account: int) -> None:
        self.world.pass_time(RETENTION)
        self.world.visit(FETCHERS[0], self.name_of(account))
        for name in SERVICES:
            self.world.run(name)
        self.world.kill(FETCHERS[0])
        self.world.pass_time(ACCOUNT_LEASE + 1)

    @rule(account=places, showing=st.sampled_from(Showing))
    def listings_show(self, account: int, showing: Showing) -> None:
        name = self.name_of(account)
        self.world.imap(name).showing = showing
        self.world.history.append(f"listings of {name} show it {showing.value}")

    @rule(account=places, expunging=st.sampled_from(Expunging), has_uidplus=st.booleans())
    def the_server_expunges(self, account: int, expunging: Expunging, has_uidplus: bool) -> None:
        name = self.name_of(account)
        self.world.imap(name).expunging = expunging
        self.world.imap(name).has_uidplus = has_uidplus
        self.world.history.append(f"{name} expunges {expunging.value}, UIDPLUS: {has_uidplus}")

    @rule(account=places)
    def the_server_catches_up(self, account: int) -> None:
        self.world.imap(self.name_of(account)).catch_up()
        self.world.history.append(f"{self.name_of(account)} expunges what it said it had")

    @rule(account=places, which=which)
    def somebody_marks_a_mail(self, account: int, which: int) -> None:
        letter = self.world.imap(self.name_of(account)).mark(which)
        if letter is not None:
            self.world.history.append(f"somebody marks {letter.tag}, or lifts the mark")

    @rule(account=places, shows_headers=st.booleans(), has_object_ids=st.booleans())
    def the_server_shows(self, account: int, shows_headers: bool, has_object_ids: bool) -> None:
        name = self.name_of(account)
        self.world.imap(name).shows_headers = shows_headers
        self.world.imap(name).has_object_ids = has_object_ids
        self.world.history.append(f"{name} shows headers: {shows_headers}, object ids: {has_object_ids}")

    @rule()
    def somebody_renames_a_folder(self) -> None:
        name = self.world.imap(self.mover).rename_folder()
        self.world.history.append(f"somebody renames a folder: it is {name!r} now")

    @rule(which=which)
    def somebody_moves_a_mail(self, which: int) -> None:
        letter = self.world.imap(self.mover).move(which)
        if letter is not None:
            self.world.history.append(f"somebody moves {letter.tag}")


@pytest.mark.parametrize("machine", [Custody, ImapCustody])
def test_custody_holds_in_every_history(machine: type[Custody]) -> None:
    """Run other histories each time. One that fails is printed whole, so it is neither shrunk nor kept."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=35,
            stateful_step_count=40,
            derandomize=False,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
