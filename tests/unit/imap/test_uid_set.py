from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.imap.uid_set import LARGEST_UID, UidSet

UIDS = st.sets(st.one_of(st.integers(1, 60), st.integers(1, LARGEST_UID)), max_size=40)


@given(UIDS)
def test_a_set_holds_what_was_put_in(uids: set[int]) -> None:
    made = UidSet.of(uids)
    assert list(made) == sorted(uids)
    assert len(made) == len(uids)
    assert all(uid in made for uid in uids)
    assert all((uid in made) == (uid in uids) for uid in range(62))
    if uids:
        assert UidSet.parse(made.wire) == made


@given(UIDS, UIDS)
def test_what_two_sets_have_in_common(one: set[int], two: set[int]) -> None:
    assert UidSet.of(one).common(UidSet.of(two)) == UidSet.of(one & two)


@given(UIDS, st.integers(1, 10), st.integers(22, 60))
def test_a_split_keeps_all_and_both_bounds(uids: set[int], most: int, octets: int) -> None:
    pieces = list(UidSet.of(uids).split(most, octets))
    assert [uid for piece in pieces for uid in piece] == sorted(uids)
    assert all(0 < len(piece) <= most and len(piece.wire) <= octets for piece in pieces)


def test_the_form_is_compact() -> None:
    assert UidSet.of([9, 1, 2, 3, 5, 6]).wire == b"1:3,5:6,9"
    assert [piece.wire for piece in UidSet.span(1, 1200).split(500)] == [b"1:500", b"501:1000", b"1001:1200"]


def test_a_set_without_an_end_has_all_that_follows() -> None:
    made = UidSet.span(7)
    assert made.wire == b"7:*"
    assert 6 not in made
    assert LARGEST_UID in made
    assert made.common(UidSet.of([5, 7, 9])) == UidSet.of([7, 9])
    assert UidSet.of([LARGEST_UID]).wire == b"4294967295"


def test_ranges_are_read_in_any_order() -> None:
    assert UidSet.parse(b"9,5:3,4") == UidSet.of([3, 4, 5, 9])


@pytest.mark.parametrize(
    "text", [b"", b"*", b"1:*", b"0", b"a", b"1,,2", b"1:2:3", b"4294967296", b"1 2", b"-1"]
)
def test_what_is_no_set_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        UidSet.parse(text)


@pytest.mark.parametrize("uid", [0, -1, LARGEST_UID + 1])
def test_numbers_that_are_no_uids_are_refused(uid: int) -> None:
    with pytest.raises(ValueError):
        UidSet.of([uid])
    with pytest.raises(ValueError):
        UidSet.span(uid, uid)
