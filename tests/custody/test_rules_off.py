"""Each rule of custody is needed: if it is switched off in its function, a short history breaks a promise.
With the rule, the same history ends well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from services.fetcher.decide.plan import Plan, make_plan
from services.fetcher.visit.deletion import Deletion
from services.router.decide.transmission import Transmission
from shared.contract.events import Payload
from shared.contract.journal import Deleting, Entry
from shared.custody.state import ClaimView, Message
from shared.model.mailbox import Listed, Listing
from shared.model.message import RecipientStatus
from shared.ports.blobs import Blobs
from shared.runtime.raw_mail import blob_name
from tests.fakes.simulation.checks import Duplicated, MailLost, check_end, check_nothing_lost
from tests.fakes.simulation.mails import alarm, make_mail
from tests.fakes.simulation.process import Outcome
from tests.fakes.simulation.simulation import (
    ACCOUNT_LEASE,
    KEEPER,
    MOVER,
    RETENTION,
    SETTLE_WAIT,
    SPOOLER,
    Simulation,
)
from tests.fakes.simulation.target import Answer

BOB = "bob@corp.example"
A, B = make_mail("a", "a", "bob"), make_mail("b", "b", "bob")
COPY_OF_A = make_mail("copy-of-a", "a", "bob")
LARGER_B = make_mail("larger-b", "b", "bob", octets=50)


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    simulation = Simulation()
    yield simulation
    simulation.close()


def fetched_and_nothing_else(simulation: Simulation) -> None:
    """A mail is fetched, and not settled within the settle wait of the visit."""
    simulation.arrive(MOVER, A)
    simulation.visit("fetcher-1", MOVER)
    simulation.pass_time(SETTLE_WAIT)
    simulation.run("fetcher-1")


def refused_with_a_copy_behind(simulation: Simulation) -> None:
    """Two copies are fetched. The first is rejected, and the second waits for it."""
    simulation.target.answers[BOB] = Answer.REJECTS
    simulation.arrive(MOVER, A)
    simulation.arrive(MOVER, COPY_OF_A)
    simulation.visit("fetcher-1", MOVER)
    simulation.run_all()


def settled_when_the_fetcher_died(simulation: Simulation) -> None:
    """A mail is delivered, and its fetcher is killed before it deletes."""
    simulation.arrive(MOVER, A)
    simulation.visit("fetcher-1", MOVER)
    simulation.run("router")
    simulation.run("relay-1")
    simulation.kill("fetcher-1")
    simulation.pass_time(ACCOUNT_LEASE + 1)


def renumbered(simulation: Simulation) -> None:
    """The source renumbers, and the UID of a settled mail is now that of another mail of its size."""
    settled_when_the_fetcher_died(simulation)
    simulation.arrive(MOVER, B)
    simulation.maildrops[MOVER].renumber()
    simulation.visit("fetcher-2", MOVER)


def uid_used_again(simulation: Simulation) -> None:
    """A mail is deleted, and another one gets its UID before its absence is seen."""
    settled_when_the_fetcher_died(simulation)
    simulation.visit("fetcher-2", MOVER)
    simulation.arrive(MOVER, LARGER_B, under_a_used_uid=True)
    simulation.visit("fetcher-2", MOVER)


def quit_that_failed(simulation: Simulation) -> None:
    """A mail is marked for deletion after its retention, and the session breaks before QUIT."""
    simulation.arrive(KEEPER, A)
    simulation.visit("fetcher-1", KEEPER)
    simulation.run_all()
    simulation.pass_time(RETENTION)
    simulation.visit("fetcher-1", KEEPER, 1)
    simulation.run_until("fetcher-1", "QUIT")
    simulation.step_with("fetcher-1", Outcome.FAILS)


def read_where_reading_consumes(simulation: Simulation) -> None:
    """A mail is read at a source that deletes what was read. Then the broker is wiped."""
    simulation.arrive(SPOOLER, A)
    simulation.visit("fetcher-1", SPOOLER)
    simulation.pass_time(SETTLE_WAIT)
    simulation.run("fetcher-1")
    simulation.wipe_broker()


def restored(simulation: Simulation) -> None:
    """A mail is settled and a backup made. The mail is deleted and another one of its size gets its UID. Then
    the backup is restored.
    """
    settled_when_the_fetcher_died(simulation)
    backup = simulation.database.backup()
    for _ in range(2):
        simulation.visit("fetcher-2", MOVER)
        simulation.pass_time(ACCOUNT_LEASE + 1)
    simulation.arrive(MOVER, B, under_a_used_uid=True)
    simulation.restore(backup)
    simulation.visit("fetcher-2", MOVER)
    simulation.run_all()


def stopped_past_its_lease(simulation: Simulation) -> None:
    """A fetcher is suspended before it records what it read. Meanwhile another one does all the work."""
    simulation.arrive(KEEPER, A)
    simulation.visit("fetcher-1", KEEPER, 1)
    simulation.run_until("fetcher-1", "write record")
    for _ in range(3):
        simulation.pass_time(RETENTION)
        simulation.visit("fetcher-2", KEEPER)
        simulation.run("router")
        simulation.run("relay-1")
    simulation.run("fetcher-1")


def two_alarms(simulation: Simulation) -> None:
    """A device sends the same text twice, an hour apart."""
    for tag, time in (("first", "10:00:00"), ("second", "11:00:00")):
        simulation.arrive(MOVER, alarm(tag, tag, time, "bob"))
        simulation.visit("fetcher-1", MOVER)
        simulation.run_all()


def copies_of_an_alarm(simulation: Simulation) -> None:
    """Copies of one transmission arrive a minute apart, and the source renumbers them."""
    for tag, time in (("one", "10:00:58"), ("other", "10:01:02")):
        simulation.arrive(MOVER, alarm(tag, "alarm", time, "bob"))
    simulation.visit("fetcher-1", MOVER)
    simulation.run_all()
    simulation.kill("fetcher-1")
    simulation.maildrops[MOVER].renumber()
    simulation.pass_time(ACCOUNT_LEASE + 1)


def delete_whatever_is_known(known: Message | None, now: float) -> list[Entry] | None:
    return None if known is None else [Deleting(message=known.id, at=now)]


def suppress_by_open_claims(message: str, view: ClaimView | None, now: float) -> RecipientStatus:
    others = view is not None and view.claim.holder != message
    return RecipientStatus.SUPPRESSED if others else RecipientStatus.OPEN


async def keep_nothing(blobs: Blobs, message: str, payload: Payload) -> str:
    return payload.blob or blob_name(message)


def plan_without_uidvalidity(listing: Listing, *arguments: Any, **named: Any) -> Plan:
    return make_plan(replace(listing, uidvalidity=0), *arguments, **named)


async def gone_with_the_mark(deletion: Deletion, entries: dict[str, Listed]) -> None:
    await delete(deletion, entries)
    ports = deletion._ports
    marked = await ports.ledger.settled_among(list(entries))
    await ports.ledger.record_gone(deletion._fence, dict.fromkeys(marked, "marked"), ports.clock.now())


delete = Deletion.delete

RULES: dict[str, tuple[Callable[[Simulation], None], type[AssertionError], str, Any]] = {
    "rule 1: delete only what the database shows as settled": (
        fetched_and_nothing_else, MailLost,
        "shared.custody.decide.deleting", delete_whatever_is_known,
    ),
    "rule 2: suppress a duplicate only against a claim that is done": (
        refused_with_a_copy_behind, MailLost,
        "shared.custody.decide.routing._status_by_claim", suppress_by_open_claims,
    ),
    "rule 2: the same text is the same mail only if they came by one transmission": (
        two_alarms, MailLost,
        "services.router.decide.identity.read_transmission", lambda header: Transmission("", None),
    ),
    "rule 2: copies of one transmission may come minutes apart": (
        copies_of_an_alarm, Duplicated,
        "shared.custody.decide.identified", lambda known, mail, claimed: mail,
    ),
    "rule 3: park before deleting what failed for good": (
        refused_with_a_copy_behind, MailLost,
        "services.relay.delivery.attempt.store_raw_mail", keep_nothing,
    ),
    "rule 4: the key holds the UIDVALIDITY": (
        renumbered, MailLost,
        "services.fetcher.visit.mailbox_scanner.make_plan", plan_without_uidvalidity,
    ),
    "rule 4: the identity is checked again before the deletion": (
        uid_used_again, MailLost,
        "services.fetcher.decide.plan._is_another", lambda row, entry: False,
    ),
    "rule 5: gone only when a later listing lacks it": (
        quit_that_failed, Duplicated,
        "services.fetcher.visit.deletion.Deletion.delete", gone_with_the_mark,
    ),
    "rule 6: spool first where the source consumes on reading": (
        read_where_reading_consumes, MailLost,
        "services.fetcher.ingest.ledger_writer.LedgerWriter.spools", False,
    ),
    "rule 7: forget a row once its mail was seen absent or replaced": (
        uid_used_again, MailLost,
        "services.fetcher.decide.plan._why_gone", lambda row, entry, absence_proves: None,
    ),
    "leases are fenced": (
        stopped_past_its_lease, Duplicated,
        "shared.adapters.sql.ledger.fences._held", lambda transaction, asked: asked,
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_with_all_rules_the_history_ends_well(rule: str, simulation: Simulation) -> None:
    history, *_ = RULES[rule]
    _run_to_the_end(history, simulation)


@pytest.mark.parametrize("rule", RULES)
def test_without_the_rule_the_same_history_breaks_a_promise(
    rule: str, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    history, broken, held_by, instead = RULES[rule]
    monkeypatch.setattr(held_by, instead)
    with pytest.raises(broken):
        _run_to_the_end(history, simulation)


def test_fault_31_after_a_restore_nothing_is_deleted_before_an_operator_confirms(
    simulation: Simulation,
) -> None:
    restored(simulation)
    check_nothing_lost(simulation)
    assert list(simulation.maildrops[MOVER].mails.values()) == [B]


def test_fault_31_without_the_backup_marker_a_restored_database_has_another_mail_deleted(
    simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.fetcher.maintenance.epoch_monitor.sign_of_restore", lambda *_: None)
    restored(simulation)
    with pytest.raises(MailLost):
        check_nothing_lost(simulation)


def _run_to_the_end(history: Callable[[Simulation], None], simulation: Simulation) -> None:
    history(simulation)
    check_end(simulation)
