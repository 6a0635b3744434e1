"""What a visit does, decided from the listing and the ledger."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.decide.plan import (
    DELETED,
    REPLACED,
    TAKEN_AWAY,
    TAKEN_AWAY_EARLY,
    Plan,
    make_plan,
    resized,
)
from services.fetcher.decide.read_failures import ReadFailures
from shared.model.mailbox import INBOX, WHOLE_INBOX, Listed, Listing, Place, UidRange
from shared.model.message import LedgerKey, MessageStatus
from shared.model.reading import Reading
from shared.model.retention import DAY, Retention
from shared.ports.store import LedgerRow

NOW = 1_000_000.0
NEW = Place("INBOX", 7)
DELETE = Retention(0)
KEEP = Retention(None)


def listing(*entries: Listed, **more: object) -> Listing:
    return replace(Listing(entries, has_uids=True, problems=()), **more)  # type: ignore[arg-type] # any field


def entry(uid: str, number: int = 1, size: int = 100) -> Listed:
    return Listed(uid, number, size)


def row(
    uid: str, status: MessageStatus, *, size: int = 100, lease: float = NOW + 60, first: float = NOW
) -> LedgerRow:
    return LedgerRow(
        message=f"id-of-{uid}",
        key=LedgerKey("INBOX", 0, uid),
        status=status,
        fetch_no=1,
        listed_size=size,
        octets=size,
        first_fetched_at=first,
        lease_until=lease,
    )


def plan(
    there: Listing,
    known: Sequence[LedgerRow] = (),
    retention: Retention = DELETE,
    max_messages: int = 0,
    longest_lease: float = inf,
    same: Collection[str] = (),
) -> Plan:
    return make_plan(
        there,
        known,
        retention=retention,
        reading=Reading(max_messages=max_messages),
        now=NOW,
        read_failures=ReadFailures(),
        longest_lease=longest_lease,
        same=same,
    )


def deleted(made: Plan) -> list[str]:
    return [each.message for each in made.delete]


def fetched(made: Plan) -> list[str]:
    return [each.entry.uid for each in made.choice.fetch]


def test_a_mail_that_nobody_knows_is_fetched() -> None:
    made = plan(listing(entry("a")))
    assert fetched(made) == ["a"]
    assert made.choice.fetch[0].known is None


def test_a_mail_on_its_way_is_neither_fetched_again_nor_deleted() -> None:
    for status in (MessageStatus.FETCHED, MessageStatus.ROUTED):
        made = plan(listing(entry("a")), [row("a", status)])
        assert (fetched(made), deleted(made)) == ([], [])
        assert [each.message for each in made.in_flight] == ["id-of-a"]


def test_a_mail_whose_lease_ran_out_is_fetched_again_under_its_old_name() -> None:
    known = row("a", MessageStatus.ROUTED, lease=NOW)
    made = plan(listing(entry("a")), [known])
    assert made.choice.fetch[0].known == known


def test_a_lost_mail_is_fetched_again_at_once() -> None:
    made = plan(listing(entry("a")), [row("a", MessageStatus.LOST)])
    assert fetched(made) == ["a"]


def test_a_settled_mail_is_deleted() -> None:
    assert deleted(plan(listing(entry("a")), [row("a", MessageStatus.SETTLED)])) == ["id-of-a"]


def test_a_deletion_that_did_not_happen_is_asked_for_again() -> None:
    made = plan(listing(entry("a")), [row("a", MessageStatus.DELETING)], retention=KEEP)
    assert deleted(made) == ["id-of-a"]


def test_a_settled_mail_is_kept_where_copies_are_kept() -> None:
    made = plan(listing(entry("a")), [row("a", MessageStatus.SETTLED)], retention=KEEP)
    assert (deleted(made), fetched(made), made.kept) == ([], [], 1)


def test_copies_are_purged_after_their_days_oldest_first() -> None:
    known = [
        row("young", MessageStatus.SETTLED, first=NOW - 6.9 * DAY),
        row("old", MessageStatus.SETTLED, first=NOW - 7 * DAY),
        row("older", MessageStatus.SETTLED, first=NOW - 9 * DAY),
    ]
    there = listing(entry("young", 1), entry("old", 2), entry("older", 3))
    assert deleted(plan(there, known, Retention(7))) == ["id-of-older", "id-of-old"]


def test_a_deleted_mail_is_gone_only_when_a_listing_lacks_it() -> None:
    known = [row("a", MessageStatus.DELETING)]
    assert plan(listing(entry("a")), known).gone == {}
    assert plan(listing(), known).gone == {"id-of-a": DELETED}


def test_a_kept_mail_that_somebody_else_deleted_is_forgotten() -> None:
    assert plan(listing(), [row("a", MessageStatus.SETTLED)]).gone == {"id-of-a": TAKEN_AWAY}


def test_a_mail_that_left_before_it_was_delivered_is_told_apart() -> None:
    assert plan(listing(), [row("a", MessageStatus.LOST)]).gone == {"id-of-a": TAKEN_AWAY_EARLY}


def test_a_mail_on_its_way_is_never_forgotten() -> None:
    assert plan(listing(), [row("a", MessageStatus.FETCHED)]).gone == {}


def test_absence_proves_nothing_in_a_listing_that_was_cut() -> None:
    known = [row("a", MessageStatus.DELETING)]
    assert plan(listing(covered=()), known).gone == {}


def test_absence_proves_nothing_while_some_mails_have_no_usable_uid() -> None:
    known = [row("a", MessageStatus.DELETING)]
    assert plan(listing(nameless=(entry("", 9),)), known).gone == {}


def test_another_mail_under_the_uid_of_a_settled_one_is_fetched_and_not_deleted() -> None:
    made = plan(listing(entry("a", size=999)), [row("a", MessageStatus.SETTLED)])
    assert made.gone == {"id-of-a": REPLACED}
    assert (deleted(made), fetched(made)) == ([], ["a"])
    assert made.choice.fetch[0].known is None


def test_a_mail_of_another_size_with_the_same_header_is_the_same_mail() -> None:
    there = listing(entry("a", size=999))
    made = plan(there, [row("a", MessageStatus.SETTLED)], same={"id-of-a"})
    assert (made.gone, deleted(made), fetched(made)) == ({}, ["id-of-a"], [])


def test_only_known_mails_of_another_size_and_with_a_known_header_are_suspects() -> None:
    there = listing(entry("a", 1, 999), entry("b", 2, 999), entry("c", 3), entry("d", 4, 999))
    known = [
        row(uid, MessageStatus.SETTLED)._replace(header=header) for uid, header in (("a", "h"), ("b", ""))
    ]
    known.append(row("c", MessageStatus.SETTLED)._replace(header="h"))
    assert [each.message for each in resized(there, known)] == ["id-of-a"]


def test_absence_proves_something_only_in_the_range_that_was_listed() -> None:
    known = [row(uid, MessageStatus.DELETING) for uid in ("0000000001", "0000000005", "0000000009")]
    there = listing(covered=[UidRange(INBOX, "0000000001", "0000000005")])
    assert set(plan(there, known).gone) == {"id-of-0000000001", "id-of-0000000005"}


def test_mails_of_a_folder_that_was_not_listed_are_not_gone() -> None:
    known = row("a", MessageStatus.SETTLED)._replace(key=LedgerKey("Work", 3, "a"))
    assert plan(listing(), [known]).gone == {}
    assert plan(listing(covered=[UidRange(Place("Work", 3))]), [known]).gone == {"id-of-a": TAKEN_AWAY}


def test_equal_uids_of_two_folders_are_two_mails() -> None:
    work = entry("a", 2)._replace(place=Place("Work", 3))
    made = plan(listing(entry("a", 1), work), [row("a", MessageStatus.SETTLED)])
    assert deleted(made) == ["id-of-a"]
    assert [each.key for each in made.choice.fetch] == [LedgerKey("Work", 3, "a")]


def test_another_mail_under_the_uid_of_one_on_its_way_has_to_wait() -> None:
    made = plan(listing(entry("a", size=999)), [row("a", MessageStatus.ROUTED)])
    assert (made.gone, deleted(made), fetched(made)) == ({}, [], [])


def test_a_size_that_the_server_does_not_tell_proves_nothing() -> None:
    made = plan(listing(entry("a", size=0)), [row("a", MessageStatus.SETTLED)])
    assert deleted(made) == ["id-of-a"]


def test_a_changed_uidvalidity_makes_every_mail_another_one() -> None:
    made = plan(
        listing(entry("a")._replace(place=NEW), covered=[UidRange(NEW)]),
        [row("a", MessageStatus.SETTLED)],
    )
    assert (made.gone, deleted(made), fetched(made)) == ({"id-of-a": TAKEN_AWAY}, [], ["a"])


def test_a_mail_in_custody_under_another_uidvalidity_is_looked_for_among_the_new_ones() -> None:
    lost = row("a", MessageStatus.LOST)._replace(header="h")
    there = listing(entry("a")._replace(place=NEW), covered=[UidRange(NEW)])
    made = plan(there, [lost])
    assert (made.gone, made.moved, fetched(made)) == ({}, [lost], ["a"])


def test_it_is_gone_where_there_is_no_new_mail_that_it_may_be() -> None:
    lost = row("a", MessageStatus.LOST)._replace(header="h")
    assert plan(listing(covered=[UidRange(NEW)]), [lost]).gone == {"id-of-a": TAKEN_AWAY_EARLY}


def test_in_one_folder_with_the_same_uidvalidity_only_the_content_tells_of_a_new_uid() -> None:
    known = [row("a", MessageStatus.DELETING)._replace(header="h"), row("b", MessageStatus.SETTLED)]
    known[1] = known[1]._replace(content="c")
    made = plan(listing(entry("new")), known)
    assert (made.gone, made.moved) == ({"id-of-a": DELETED}, [known[1]])


def test_a_mail_of_a_folder_that_is_gone_is_looked_for_in_the_others() -> None:
    known = row("a", MessageStatus.SETTLED)._replace(key=LedgerKey("Work", 3, "a"), header="h")
    there = listing(entry("new"), folders=frozenset({"INBOX"}))
    assert plan(there, [known]).moved == [known]
    assert plan(replace(there, entries=()), [known]).gone == {"id-of-a": TAKEN_AWAY}


def test_a_mail_without_a_uid_may_be_one_of_the_named_where_all_are_named() -> None:
    known = row("digest 1", MessageStatus.LOST)._replace(content="digest")
    made = plan(listing(entry("new")), [known])
    assert (made.moved, made.unnamed) == ([known], [])
    made = plan(listing(entry("new"), nameless=(entry("", 9),)), [known])
    assert (made.moved, made.unnamed) == ([], [known])


def test_a_pass_stops_at_its_number_of_mails_and_tells_that_there_is_more() -> None:
    there = listing(*(entry(str(n), n) for n in range(1, 6)))
    made = plan(there, max_messages=2)
    assert (fetched(made), made.choice.more) == (["1", "2"], True)
    assert not plan(there, max_messages=5).choice.more


UIDS = st.sampled_from("abcdef")
ROWS = st.lists(
    st.builds(
        row,
        UIDS,
        st.sampled_from([each for each in MessageStatus if each is not MessageStatus.GONE]),
        size=st.sampled_from([0, 100, 200]),
        lease=st.sampled_from([NOW - 1, NOW + 1]),
        first=st.sampled_from([NOW, NOW - 8 * DAY]),
    ),
    unique_by=lambda each: each.key,
)
ENTRIES = st.lists(
    st.builds(entry, UIDS, st.integers(1, 9), st.sampled_from([0, 100, 200])), unique_by=lambda each: each.uid
)


@given(ROWS, ENTRIES, st.sampled_from([DELETE, KEEP, Retention(7)]), st.booleans())
def test_no_plan_breaks_custody(
    known: list[LedgerRow], entries: list[Listed], retention: Retention, complete: bool
) -> None:
    made = plan(listing(*entries, covered=WHOLE_INBOX if complete else ()), known, retention)
    by_message = {each.message: each for each in known}
    listed = {each.uid for each in entries}
    for each in made.delete:
        assert by_message[each.message].status in (MessageStatus.SETTLED, MessageStatus.DELETING)
        assert by_message[each.message].key.uid == each.entry.uid
    assert not set(made.gone) & set(deleted(made))
    assert len(set(fetched(made))) == len(made.choice.fetch)
    assert set(fetched(made)) | {by_message[each].key.uid for each in deleted(made)} <= listed
    on_their_way = {each.message for each in made.in_flight}
    assert not on_their_way & (set(made.gone) | set(deleted(made)))
    assert not {by_message[each].key.uid for each in on_their_way} & set(fetched(made))


@pytest.mark.parametrize("status", [MessageStatus.FETCHED, MessageStatus.ROUTED])
def test_fault_35_a_lease_that_only_a_wrong_clock_can_have_given_is_over(status: MessageStatus) -> None:
    there, lease = listing(entry("a")), NOW + 40 * DAY
    known = row("a", status, lease=lease)
    assert plan(there, [known]).in_flight == [known]
    put_right = plan(there, [known], longest_lease=6 * 3600)
    assert [wanted.known for wanted in put_right.choice.fetch] == [known]
    assert put_right.in_flight == []


def test_a_mail_that_waits_for_its_longest_retry_is_on_its_way() -> None:
    known = row("a", MessageStatus.ROUTED, lease=NOW + 6 * 3600)
    assert plan(listing(entry("a")), [known], longest_lease=6 * 3600).in_flight == [known]
