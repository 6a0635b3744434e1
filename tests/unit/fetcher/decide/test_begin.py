from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.decide.begin import (
    CLOCK_SKEW,
    compare,
    first_mails,
    is_complete,
    is_old,
    is_skipped,
    without,
)
from shared.model.begin import NOW, Begin
from shared.model.mailbox import INBOX, Listed, Listing, Place, UidRange
from shared.ports.store import SkippedMail

BEGAN = 1_793_534_400.0
DATE = Begin(BEGAN - 3600)
OLD = Listed("old", 1, 1000)
OTHER = Listed("other", 2, 2000)
LISTING = Listing([OLD, OTHER], has_uids=True, problems=())


def row(entry: Listed, *, decided: bool = True) -> SkippedMail:
    return SkippedMail(entry.key, entry.size, BEGAN, decided)


def listing(*entries: Listed) -> Listing:
    return replace(LISTING, entries=entries)


def test_a_listing_is_complete_where_whole_folders_are_covered() -> None:
    assert is_complete(LISTING)
    assert not is_complete(replace(LISTING, covered=()))
    assert not is_complete(replace(LISTING, covered=[UidRange(INBOX, "5")]))
    assert not is_complete(replace(LISTING, covered=[UidRange(INBOX), UidRange(INBOX, "", "9")]))
    elsewhere = Listed("1", 1, 7, place=Place("Archive", 5))
    assert not is_complete(listing(OLD, elsewhere))
    assert is_complete(replace(listing(OLD, elsewhere), covered=[UidRange(INBOX), UidRange(elsewhere.place)]))


def test_now_skips_all_of_the_first_listing_and_a_date_leaves_it_open() -> None:
    assert [each.decided for each in first_mails(LISTING, NOW, BEGAN)] == [True, True]
    assert [each.decided for each in first_mails(LISTING, DATE, BEGAN)] == [False, False]


def test_a_mail_received_before_the_date_is_skipped_and_one_without_a_date_is_not() -> None:
    assert is_skipped(DATE.since - 1, DATE)
    assert not is_skipped(DATE.since, DATE)
    assert not is_skipped(None, DATE)
    assert is_skipped(None, NOW)


def test_skipped_mails_are_hidden_and_others_are_not() -> None:
    compared = compare(LISTING, [row(OLD)], ())
    assert list(without(LISTING, compared.there)) == [OTHER]
    assert (compared.undecided, compared.suspects, compared.absent) == ([], [], [])


def test_a_mail_whose_date_is_not_known_is_hidden_until_it_is() -> None:
    compared = compare(LISTING, [row(OLD, decided=False)], ())
    assert (compared.there, compared.undecided) == ({OLD.number}, [OLD])


def test_a_skipped_mail_that_is_no_longer_listed_is_forgotten_only_where_absence_proves_something() -> None:
    gone = Listed("gone", 3, 3000)
    assert compare(LISTING, [row(gone)], ()).absent == [gone.key]
    assert compare(replace(LISTING, covered=()), [row(gone)], ()).absent == []
    assert compare(replace(LISTING, nameless=[Listed("", 4, 7)]), [row(gone)], ()).absent == []


def test_a_skipped_mail_of_a_folder_that_is_not_listed_is_remembered() -> None:
    there = Listed("1", 3, 3000, place=Place("Lists", 1))
    assert compare(replace(LISTING, folders=frozenset({"INBOX"})), [row(there)], ()).absent == []


def test_another_size_makes_a_mail_suspect_and_an_unknown_size_does_not() -> None:
    assert compare(listing(OLD._replace(size=1001)), [row(OLD)], ()).suspects
    assert not compare(listing(OLD._replace(size=0)), [row(OLD)], ()).suspects


def test_a_new_uid_with_the_size_of_a_missing_mail_is_suspect_and_each_missing_mail_explains_one() -> None:
    first, second = Listed("new 1", 1, 1000), Listed("new 2", 2, 1000)
    compared = compare(listing(first, second), [row(OLD)], ())
    assert [entry for entry, _ in compared.suspects] == [first]


def test_a_mail_that_the_ledger_knows_is_not_suspect() -> None:
    known = Listed("known", 1, 1000)
    assert compare(listing(known), [row(OLD)], {known.key}).suspects == []


def test_the_mails_of_a_former_uidvalidity_are_looked_for() -> None:
    place = Place("INBOX", 2)
    again = Listed("1", 1, 1000, place=place)
    before = row(Listed("1", 1, 1000, place=Place("INBOX", 1)))
    compared = compare(replace(listing(again), covered=[UidRange(place)]), [before], ())
    assert (compared.suspects, compared.absent) == ([(again, before)], [before.key])


def test_a_suspect_is_old_only_if_it_was_received_long_before_the_account_began() -> None:
    assert is_old(BEGAN - CLOCK_SKEW - 1, NOW, row(OLD))
    assert not is_old(BEGAN - CLOCK_SKEW, NOW, row(OLD))
    assert not is_old(None, NOW, row(OLD))
    early = Begin(BEGAN - 10 * CLOCK_SKEW)
    assert not is_old(early.since, early, row(OLD))
    assert is_old(early.since - 1, early, row(OLD))


@given(st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)))
def test_what_was_not_in_the_first_listing_is_never_hidden(first: set[int], later: set[int]) -> None:
    """Sizes differ, so that no mail is suspect."""
    before = listing(*(Listed(f"uid {n}", n, 100 + n) for n in sorted(first)))
    after = listing(*(Listed(f"uid {n}", n, 100 + n) for n in sorted(later)))
    compared = compare(after, first_mails(before, NOW, BEGAN), ())
    assert {each.number for each in without(after, compared.there)} == later - first
    assert {key.uid for key in compared.absent} == {f"uid {n}" for n in first - later}
