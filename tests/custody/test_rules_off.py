"""Each rule of custody is needed.

If a rule is switched off in the one function that holds it, a short history breaks a promise. With the rule,
the same history ends well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from services.fetcher.decide.huge_mailbox import HugeMailbox
from services.fetcher.decide.plan import Plan, make_plan
from services.fetcher.visit.deletion import Deletion
from services.router.decide.identity import Transmission
from shared.contract.events import Payload
from shared.contract.journal import Deleting, Entry
from shared.custody.state import ClaimView, Message
from shared.model.mailbox import INBOX, WHOLE_INBOX, Listed, Listing, ListingSpan
from shared.model.message import LedgerKey, RecipientStatus
from shared.ports.blobs import Blobs
from shared.ports.store import LedgerRow
from shared.runtime.raw_mail import blob_name
from tests.fakes.world.finale import CameTwice, MailLost, NeverEnds, all_ends, nothing_lost
from tests.fakes.world.imap_source import Expunging, ImapMailboxInTurn, Showing
from tests.fakes.world.letters import alarm, letter
from tests.fakes.world.process import EffectFault
from tests.fakes.world.source import Maildrop
from tests.fakes.world.target import Mood
from tests.fakes.world.world import (
    ACCOUNT_LEASE,
    ACCOUNTS,
    IMAP_ACCOUNTS,
    IMAP_KEEPER,
    IMAP_MOVER,
    KEEPER,
    MOVER,
    PATIENCE,
    RETENTION,
    SPOOLER,
    World,
)

BOB = "bob@corp.example"
A, B = letter("a", "a", "bob"), letter("b", "b", "bob")
CONCLUDE = HugeMailbox.conclude
COPY_OF_A = letter("copy-of-a", "a", "bob")
LARGER_B = letter("larger-b", "b", "bob", octets=50)


@pytest.fixture
def world() -> Iterator[World]:
    world = World((*ACCOUNTS, *IMAP_ACCOUNTS))
    yield world
    world.close()


def fetched_and_nothing_else(world: World) -> None:
    """A mail is fetched. The visit waits for its settlement, which does not come."""
    world.arrive(MOVER, A)
    world.visit("fetcher-1", MOVER)
    world.pass_time(PATIENCE)
    world.run("fetcher-1")


def refused_with_a_copy_behind(world: World) -> None:
    """Two copies are fetched. The first is refused for good while the second waits for it."""
    world.target.moods[BOB] = Mood.REFUSES
    world.arrive(MOVER, A)
    world.arrive(MOVER, COPY_OF_A)
    world.visit("fetcher-1", MOVER)
    world.run_all()


def settled_when_the_fetcher_died(world: World) -> None:
    """A mail is delivered, and its fetcher is killed before it deletes anything."""
    world.arrive(MOVER, A)
    world.visit("fetcher-1", MOVER)
    world.run("router")
    world.run("relay-1")
    world.kill("fetcher-1")
    world.pass_time(ACCOUNT_LEASE + 1)


def renumbered(world: World) -> None:
    """The source renumbers. The UID of a settled mail now names another mail of the same size."""
    settled_when_the_fetcher_died(world)
    world.arrive(MOVER, B)
    world.maildrops[MOVER].renumber()
    world.visit("fetcher-2", MOVER)


def uid_used_again(world: World) -> None:
    """A mail was deleted, no listing has lacked it yet, and another mail gets its UID."""
    settled_when_the_fetcher_died(world)
    world.visit("fetcher-2", MOVER)
    world.arrive(MOVER, LARGER_B, under_a_used_uid=True)
    world.visit("fetcher-2", MOVER)


def quit_that_failed(world: World) -> None:
    """A kept mail is marked for deletion when its days are over, and the session breaks before QUIT."""
    world.arrive(KEEPER, A)
    world.visit("fetcher-1", KEEPER)
    world.run_all()
    world.pass_time(RETENTION)
    world.visit("fetcher-1", KEEPER, 1)
    world.run_until("fetcher-1", "QUIT")
    world.fail_effect("fetcher-1", EffectFault.FAILS)


def read_where_reading_consumes(world: World) -> None:
    """A mail is read at a source that drops what was read. Then the broker is wiped."""
    world.arrive(SPOOLER, A)
    world.visit("fetcher-1", SPOOLER)
    world.pass_time(PATIENCE)
    world.run("fetcher-1")
    world.wipe_broker()


def restored(world: World) -> None:
    """A mail is settled and a backup is made. The mail is deleted, another one of its size gets its UID, and
    the backup is restored.
    """
    settled_when_the_fetcher_died(world)
    backup = world.database.backup()
    for _ in range(2):
        world.visit("fetcher-2", MOVER)
        world.pass_time(ACCOUNT_LEASE + 1)
    world.arrive(MOVER, B, under_a_used_uid=True)
    world.restore(backup)
    world.visit("fetcher-2", MOVER)
    world.run_all()


def stopped_past_its_lease(world: World) -> None:
    """A fetcher is stopped before it enters what it read. Meanwhile another one does all the work."""
    world.arrive(KEEPER, A)
    world.visit("fetcher-1", KEEPER, 1)
    world.run_until("fetcher-1", "write record_fetched")
    for _ in range(3):
        world.pass_time(RETENTION)
        world.visit("fetcher-2", KEEPER)
        world.run("router")
        world.run("relay-1")
    world.run("fetcher-1")


def two_alarms(world: World) -> None:
    """A device sends the same words twice, an hour apart."""
    for tag, time in (("first", "10:00:00"), ("second", "11:00:00")):
        world.arrive(MOVER, alarm(tag, tag, time, "bob"))
        world.visit("fetcher-1", MOVER)
        world.run_all()


def copies_of_an_alarm(world: World) -> None:
    """Copies of one transmission, one of them a minute later; the source renumbers what is left of them."""
    for tag, time in (("one", "10:00:58"), ("other", "10:01:02")):
        world.arrive(MOVER, alarm(tag, "alarm", time, "bob"))
    world.visit("fetcher-1", MOVER)
    world.run_all()
    world.kill("fetcher-1")
    world.maildrops[MOVER].renumber()
    world.pass_time(ACCOUNT_LEASE + 1)


def shown_in_part_by_spans(world: World) -> None:
    """Copies stay. The source leaves one out of one listing, which comes in spans."""
    for mail in (A, B, COPY_OF_A):
        world.arrive(KEEPER, mail)
    world.visit("fetcher-1", KEEPER)
    world.run_all()
    source = world.maildrops[KEEPER]
    assert isinstance(source, Maildrop)
    source.hidden = {"1"}
    world.visit("fetcher-1", KEEPER)
    world.run_all()
    source.behave()
    world.visit("fetcher-1", KEEPER)
    world.run_all()


def shown_in_part(world: World) -> None:
    """A mail is settled. Two listings later, of which the first leaves it out, the mailbox is read again."""
    world.arrive(IMAP_KEEPER, A)
    world.visit("fetcher-1", IMAP_KEEPER)
    world.run_all()
    for showing in (Showing.WITHOUT_ONE, Showing.WHOLE):
        world.imap(IMAP_KEEPER).showing = showing
        world.pass_time(ACCOUNT_LEASE + 1)
        world.visit("fetcher-2", IMAP_KEEPER)
        world.run_all()


def deletion_of_a_server_that(expunging: Expunging) -> Callable[[World], None]:
    """Return a history: the days of a kept mail are over, and the server does this with the deletion."""

    def history(world: World) -> None:
        world.arrive(IMAP_KEEPER, A)
        world.visit("fetcher-1", IMAP_KEEPER)
        world.run_all()
        world.imap(IMAP_KEEPER).expunging = expunging
        world.pass_time(RETENTION)
        world.visit("fetcher-1", IMAP_KEEPER)
        world.run_all()

    return history


def renumbered_within_a_visit(world: World) -> None:
    """A visit reads a mail and waits for its settlement. Meanwhile another mail gets the first one's UID."""
    world.arrive(IMAP_MOVER, A)
    world.visit("fetcher-1", IMAP_MOVER)
    world.arrive(IMAP_MOVER, B)
    world.maildrops[IMAP_MOVER].renumber()
    world.run_all()


def moved_by_another_client(world: World) -> None:
    """A mail is settled and kept. Another client moves it, at a server that shows no headers alone."""
    world.imap(IMAP_KEEPER).shows_headers = False
    world.arrive(IMAP_KEEPER, A)
    world.visit("fetcher-1", IMAP_KEEPER)
    world.run_all()
    world.imap(IMAP_KEEPER).move(0)
    world.visit("fetcher-2", IMAP_KEEPER)
    world.run_all()


def kept_in_the_other_folder(world: World) -> None:
    """A mail is settled and kept in the folder beside INBOX."""
    world.arrive(IMAP_KEEPER, A)
    world.imap(IMAP_KEEPER).move(0)
    world.visit("fetcher-1", IMAP_KEEPER)
    world.run_all()


def renamed_by_another_client(world: World) -> None:
    """A mail is kept in a folder that gets another name."""
    kept_in_the_other_folder(world)
    world.imap(IMAP_KEEPER).rename_folder()
    world.visit("fetcher-2", IMAP_KEEPER)
    world.run_all()


def moved_while_folders_are_listed(world: World) -> None:
    """A kept mail is moved into a folder that was listed already, out of one that is listed next."""
    kept_in_the_other_folder(world)
    world.visit("fetcher-2", IMAP_KEEPER, 0)
    world.run_until("fetcher-2", "list Archive")
    world.imap(IMAP_KEEPER).move(0)
    world.run_all()
    world.pass_time(ACCOUNT_LEASE + 1)


def renumbered_in_custody(world: World) -> None:
    """A mail is put off by its target. All else is lost, and its folder gets another UIDVALIDITY."""
    world.target.moods[BOB] = Mood.LATER
    world.arrive(IMAP_MOVER, A)
    world.visit("fetcher-1", IMAP_MOVER)
    world.run_all()
    world.wipe_broker()
    for name in list(world.processes):
        world.kill(name)
    world.maildrops[IMAP_MOVER].renumber()
    world.pass_time(ACCOUNT_LEASE + 1)
    world.visit("fetcher-2", IMAP_MOVER)
    world.run_all()


def marked_by_another_client(world: World) -> None:
    """A mail is settled. Before it is deleted, another client marks a mail that was not read yet."""
    world.arrive(IMAP_MOVER, A)
    world.visit("fetcher-1", IMAP_MOVER)
    world.imap(IMAP_MOVER).has_uidplus = False
    world.arrive(IMAP_MOVER, B)
    world.imap(IMAP_MOVER).mark(1)
    world.run_all()


def delete_whatever_is_known(known: Message | None, now: float) -> list[Entry] | None:
    return None if known is None else [Deleting(message=known.id, at=now)]


def suppress_by_open_claims(message: str, view: ClaimView | None, now: float) -> RecipientStatus:
    others = view is not None and view.claim.holder != message
    return RecipientStatus.SUPPRESSED if others else RecipientStatus.OPEN


async def keep_nothing(blobs: Blobs, message: str, payload: Payload) -> str:
    return payload.blob or blob_name(message)


def plan_without_uidvalidity(listing: Listing, *arguments: Any, **named: Any) -> Plan:
    entries = [each._replace(place=INBOX) for each in listing.entries]
    return make_plan(replace(listing, entries=entries, covered=WHOLE_INBOX), *arguments, **named)


async def nothing_is_there(mailbox: ImapMailboxInTurn, entries: Sequence[Listed]) -> Sequence[Listed]:
    return ()


async def ask_in_the_same_flight(mailbox: ImapMailboxInTurn, entries: Sequence[Listed]) -> Sequence[Listed]:
    """The search is answered before the server refuses, at a time when it does not show the mails."""
    await expunge(mailbox, entries)
    vars(mailbox)["still_there"] = partial(nothing_is_there, mailbox)
    return entries


async def gone_with_the_mark(deletion: Deletion, entries: dict[str, Listed]) -> None:
    await delete(deletion, entries)
    ports = deletion._ports
    marked = await ports.ledger.settled_among(list(entries))
    await ports.ledger.record_gone(deletion._fence, dict.fromkeys(marked, "marked"), ports.clock.now())


async def confirm_always(mailbox: ImapMailboxInTurn) -> bool:
    return True


def conclude_without_counting(huge: HugeMailbox, last: ListingSpan) -> tuple[Listing, Sequence[LedgerRow]]:
    return CONCLUDE(huge, last._replace(is_complete=True))


def covers_listed_folders_only(listing: Listing, key: LedgerKey) -> bool:
    return any(each.includes(key) for each in listing.covered)


delete = Deletion.delete
expunge = ImapMailboxInTurn.delete

RULES: dict[str, tuple[Callable[[World], None], type[AssertionError], str, Any]] = {
    "rule 1: delete only what the database shows as settled": (
        fetched_and_nothing_else, MailLost,
        "shared.custody.decide.allow_deletion", delete_whatever_is_known,
    ),
    "rule 2: suppress a duplicate only against a claim that is done": (
        refused_with_a_copy_behind, MailLost,
        "shared.custody.decide.routing._status_by_claim", suppress_by_open_claims,
    ),
    "rule 2: the same words are the same mail only if they came by one transmission": (
        two_alarms, MailLost,
        "services.router.decide.identity.read_transmission", lambda header: Transmission("", None),
    ),
    "rule 2: copies of one transmission may come minutes apart": (
        copies_of_an_alarm, CameTwice,
        "shared.custody.decide.match_identity", lambda known, mail, claimed: mail,
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
        "services.fetcher.decide.plan.is_another", lambda row, entry: False,
    ),
    "rule 5: gone only when a later listing lacks it": (
        quit_that_failed, CameTwice,
        "services.fetcher.visit.deletion.Deletion.delete", gone_with_the_mark,
    ),
    "rule 6: spool first where the source consumes on reading": (
        read_where_reading_consumes, MailLost,
        "services.fetcher.ingest.ledger_writer.LedgerWriter.spools", False,
    ),
    "rule 7: forget a row once its mail was seen absent or replaced": (
        uid_used_again, MailLost,
        "services.fetcher.decide.plan._why_gone", lambda row, entry, **shown: None,
    ),
    "rule 4: the UIDVALIDITY is that of the folder as it is selected to delete": (
        renumbered_within_a_visit, MailLost,
        "tests.fakes.world.imap_source.is_still", lambda place, folder: True,
    ),
    "rule 5: only a listing that covers the key proves absence": (
        shown_in_part, CameTwice,
        "shared.model.mailbox.Listing.covers", lambda listing, key: True,
    ),
    "rule 5: only all spans of a listing together prove absence": (
        shown_in_part_by_spans, CameTwice,
        "services.fetcher.decide.huge_mailbox.HugeMailbox.conclude", conclude_without_counting,
    ),
    "rule 5: the OK of a deletion proves nothing": (
        deletion_of_a_server_that(Expunging.NEVER), CameTwice,
        "tests.fakes.world.imap_source.ImapMailboxInTurn.still_there", nothing_is_there,
    ),
    "rule 5: what is there still is asked after the OK": (
        deletion_of_a_server_that(Expunging.REFUSES), CameTwice,
        "tests.fakes.world.imap_source.ImapMailboxInTurn.delete", ask_in_the_same_flight,
    ),
    "rule 4: a mail that moved is recognised by its content": (
        moved_by_another_client, CameTwice,
        "services.fetcher.decide.content_index.ContentIndex.take", lambda index, content, **how: None,
    ),
    "rule 4: a mail of a folder that got another name is recognised": (
        renamed_by_another_client, NeverEnds,
        "shared.model.mailbox.Listing.covers", covers_listed_folders_only,
    ),
    "rule 5: a mail may move while the folders are listed": (
        moved_while_folders_are_listed, CameTwice,
        "tests.fakes.world.imap_source.ImapMailboxInTurn.is_as_listed", confirm_always,
    ),
    "rule 4: a mail in custody is recognised under another UIDVALIDITY": (
        renumbered_in_custody, NeverEnds,
        "services.fetcher.decide.changed_keys.Places.may_hold", lambda places, key: False,
    ),
    "without UIDPLUS nothing is expunged where another client's mark is in the way": (
        marked_by_another_client, MailLost,
        "tests.fakes.world.imap_source.foreign_marks", lambda folder, ours: set(),
    ),
    "leases are fenced": (
        stopped_past_its_lease, CameTwice,
        "shared.adapters.sql.ledger.fences._held", lambda transaction, asked: asked,
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_with_all_rules_the_history_ends_well(rule: str, world: World) -> None:
    history, *_ = RULES[rule]
    _lived_through(history, world)


@pytest.mark.parametrize("rule", RULES)
def test_without_the_rule_the_same_history_breaks_a_promise(
    rule: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    history, broken, held_by, instead = RULES[rule]
    monkeypatch.setattr(held_by, instead)
    with pytest.raises(broken):
        _lived_through(history, world)


def test_fault_31_after_a_restore_nothing_is_deleted_before_an_operator_confirms(world: World) -> None:
    restored(world)
    nothing_lost(world)
    assert list(world.maildrops[MOVER].letters.values()) == [B]


def test_fault_31_without_the_backup_marker_a_restored_database_has_another_mail_deleted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.fetcher.maintenance.epoch_monitor.sign_of_restore", lambda *_: None)
    restored(world)
    with pytest.raises(MailLost):
        nothing_lost(world)


def _lived_through(history: Callable[[World], None], world: World) -> None:
    history(world)
    all_ends(world)
