"""Mails whose header is another one each time they are looked at."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.decide.choice import Choice, Wanted
from services.fetcher.decide.differences import (
    Differences,
    leave_different,
    remembered_differences,
    with_differences,
)
from services.fetcher.decide.plan import DELETED, REPLACED, Deletable, Plan
from shared.model.mailbox import Listed, Listing, Place
from shared.model.message import LedgerKey, MessageStatus
from shared.ports.store import LedgerRow

ENTRY = Listed("0000000001", 1, 100, place=Place("INBOX", 7))
LISTING = Listing([ENTRY], has_uids=True, problems=())
OLD = LedgerRow("m", ENTRY.key, MessageStatus.SETTLED, 1, 100, 100, 0.0, 0.0)
OF_POP3 = OLD._replace(key=LedgerKey("INBOX", 0, "1"))


def replaced(row: LedgerRow = OLD, reason: str = REPLACED) -> Plan:
    """A plan to which the mail at the row's key is another one."""
    choice = Choice([Wanted(ENTRY, row.key)])
    return Plan(gone={"m": reason}, delete=[], choice=choice, in_flight=[], kept=0)


def seen(state: str | None, plan: Plan, row: LedgerRow = OLD, listing: Listing = LISTING) -> tuple[Plan, str]:
    """The plan that is left, and the state after the visit."""
    left, differences = leave_different(plan, listing, {"m": row}, state)
    return left, with_differences(state, differences)


def test_the_third_difference_in_a_row_leaves_the_mail_alone() -> None:
    state: str | None = None
    for _ in range(2):
        plan, state = seen(state, replaced())
        assert plan == replaced()
    for _ in range(2):
        left, differences = leave_different(replaced(), LISTING, {"m": OLD}, state)
        assert (left.gone, left.choice.fetch, left.delete) == ({}, [], [])
        [sentence] = differences.sentences
        assert "1 mails are neither fetched again nor deleted" in sentence
        assert "0000000001 in INBOX" in sentence
        state = with_differences(state, differences)


def test_a_mail_that_is_as_it_was_once_is_counted_anew() -> None:
    _, state = seen(None, replaced())
    _, state = seen(state, replaced())
    as_before = Plan(gone={}, delete=[Deletable("m", ENTRY)], choice=Choice([]), in_flight=[], kept=0)
    _, state = seen(state, as_before)
    assert remembered_differences(state) == {}
    assert seen(state, replaced())[0] == replaced()


def test_while_its_mail_is_on_its_way_the_count_stays() -> None:
    _, state = seen(None, replaced())
    nothing = Plan(gone={}, delete=[], choice=Choice([]), in_flight=[OLD], kept=0)
    _, state = seen(state, nothing)
    assert remembered_differences(state) == {ENTRY.key: 1}


def test_a_mail_that_is_not_listed_any_more_is_forgotten() -> None:
    _, state = seen(None, replaced())
    nothing = Plan(gone={"m": DELETED}, delete=[], choice=Choice([]), in_flight=[], kept=0)
    _, state = seen(state, nothing, listing=Listing([], has_uids=True, problems=()))
    assert remembered_differences(state) == {}


def test_where_uids_may_be_given_again_each_is_another_mail() -> None:
    state: str | None = None
    for _ in range(5):
        plan, state = seen(state, replaced(OF_POP3), OF_POP3)
        assert plan == replaced(OF_POP3)


def test_a_mail_that_is_not_settled_is_fetched_each_time() -> None:
    lost = OLD._replace(status=MessageStatus.LOST)
    state: str | None = None
    for _ in range(5):
        plan, state = seen(state, replaced(lost), lost)
        assert plan == replaced(lost)


@given(st.dictionaries(st.builds(LedgerKey, st.text(), st.integers(0, 9), st.text()), st.integers(1, 3)))
def test_what_is_remembered_is_read_back(counts: dict[LedgerKey, int]) -> None:
    assert remembered_differences(with_differences(None, Differences(counts))) == counts


@given(
    st.text()
    | st.recursive(st.integers() | st.text(), st.lists).map(lambda it: json.dumps({"differences": it}))
)
def test_any_text_is_read(state: str) -> None:
    assert all(isinstance(times, int) for times in remembered_differences(state).values())
