"""Mails that could not be read: when they are tried again, and what is told of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.decide.read_failures import LONGEST_PAUSE, MOST, ReadFailures, is_due
from shared.model.mailbox import Listed, Listing, Place, UidRange
from shared.model.message import LedgerKey
from shared.model.read_failure import ReadFailure, ReadFailureKind

NOW = 1_000_000.0
A, B = LedgerKey("INBOX", 0, "a"), LedgerKey("INBOX", 0, "b")


def distances(kind: ReadFailureKind, times: int) -> list[float]:
    read_failures, found = ReadFailures(), []
    for _ in range(times):
        read_failures.record(A, kind, "no", NOW)
        failure = read_failures.find(A)
        assert failure is not None
        found.append(failure.again_at - NOW)
    return found


def test_a_refused_mail_is_tried_at_growing_distance_up_to_a_day() -> None:
    assert distances(ReadFailureKind.REFUSED, 4) == [300, 600, 1200, 2400]
    assert distances(ReadFailureKind.REFUSED, 40)[-1] == LONGEST_PAUSE


def test_a_mail_at_which_a_visit_broke_off_is_tried_again_at_once_the_first_time() -> None:
    assert distances(ReadFailureKind.BROKEN, 4) == [0, 300, 600, 1200]
    assert distances(ReadFailureKind.CUT, 3) == [0, 300, 600]


def test_a_mail_is_due_after_its_distance_and_where_a_clock_that_was_ahead_has_put_it_off() -> None:
    read_failures = ReadFailures()
    read_failures.record(A, ReadFailureKind.REFUSED, "no", NOW + 40 * LONGEST_PAUSE)
    failure = read_failures.find(A)
    assert failure is not None
    moments = (failure.again_at - LONGEST_PAUSE, failure.again_at - 1, failure.again_at)
    assert [is_due(failure, moment) for moment in (NOW, *moments)] == [True, False, False, True]


def test_what_the_server_refuses_for_the_moment_is_tried_again_within_the_given_time() -> None:
    read_failures = ReadFailures()
    for times in range(1, 9):
        read_failures.record(A, ReadFailureKind.REFUSED, "not now", NOW, longest=3600)
        failure = read_failures.find(A)
        assert failure is not None
        assert failure.again_at - NOW == min(150 * 2**times, 3600)


def test_a_mail_that_is_due_at_once_is_told_to_wait_for_the_next_visit() -> None:
    read_failures = ReadFailures()
    read_failures.record(A, ReadFailureKind.BROKEN, "not now", NOW)
    assert read_failures.sentences([A], NOW) == [
        "mail a was tried once and is tried again by the next visit: not now"
    ]


def test_a_cut_mail_is_read_by_its_size_every_other_time() -> None:
    read_failures = ReadFailures()
    read_by_size = []
    for _ in range(4):
        read_failures.record(A, ReadFailureKind.CUT, "cut", NOW)
        read_by_size.append("a" in read_failures.cut)
    assert read_by_size == [True, False, True, False]


def test_of_mails_without_uids_the_one_that_failed_is_set_aside_and_no_other_of_its_size() -> None:
    bad, good = Listed("", 1, 500), Listed("", 2, 500, twin=2)
    read_failures = ReadFailures()
    read_failures.record(bad.key, ReadFailureKind.CUT, "cut", NOW)
    assert read_failures.find(good.key) is None
    assert (bad.name in read_failures.cut, good.name in read_failures.cut) == (True, False)
    assert read_failures.sentences([bad.key], NOW)[0].startswith("mail 500-octets was tried")


def test_a_mail_without_uid_is_known_by_its_size_also_when_mails_before_it_have_gone() -> None:
    read_failures = ReadFailures()
    read_failures.record(Listed("", 7, 500, twin=2).key, ReadFailureKind.REFUSED, "no", NOW)
    assert read_failures.find(Listed("", 3, 500, twin=2).key) is not None
    assert read_failures.find(Listed("", 3, 501, twin=2).key) is None


def test_what_was_read_after_all_and_what_is_gone_is_forgotten() -> None:
    read_failures = ReadFailures()
    for key in (A, B):
        read_failures.record(key, ReadFailureKind.REFUSED, "no", NOW)
    read_failures.forget(A)
    assert [each.key for each in read_failures.all()] == [B]
    read_failures.keep_listed(Listing([Listed("a", 1, 10)], has_uids=True, problems=()))
    assert read_failures.all() == ()


def test_failures_of_a_folder_that_was_not_listed_are_kept() -> None:
    read_failures = ReadFailures()
    other = A._replace(folder="Work")
    for key in (A, other):
        read_failures.record(key, ReadFailureKind.REFUSED, "no", NOW)
    inbox_alone = Listing((), has_uids=True, problems=(), covered=[UidRange(Place("INBOX", 0))])
    read_failures.keep_listed(inbox_alone)
    assert [each.key for each in read_failures.all()] == [other]


def test_the_first_are_told_in_words() -> None:
    read_failures = ReadFailures()
    keys = [LedgerKey("INBOX", 0, f"uid {number}") for number in range(5)]
    for key in keys:
        read_failures.record(key, ReadFailureKind.REFUSED, "the server is damaged", NOW)
    first, *_, last = read_failures.sentences(keys, NOW)
    assert first == "mail uid 0 was tried once and is tried again in 5m: the server is damaged"
    assert last == "and 2 more mails"
    assert read_failures.sentences([A], NOW) == []


@given(st.integers(0, 2 * MOST))
def test_no_more_is_remembered_than_there_is_room_for(count: int) -> None:
    known = [
        ReadFailure(LedgerKey("INBOX", 0, str(number)), ReadFailureKind.REFUSED, 1, NOW + number, 0, "no")
        for number in range(count)
    ]
    kept = ReadFailures(known).all()
    assert len(kept) == min(count, MOST)
    assert set(kept) == set(known[-MOST:])
