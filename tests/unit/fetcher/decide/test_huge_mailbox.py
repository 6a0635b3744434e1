"""What is planned of a huge mailbox is what would be planned with all of it at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.fetcher.decide import huge_mailbox
from services.fetcher.decide.flagged import without_flagged
from services.fetcher.decide.huge_mailbox import HugeMailbox
from services.fetcher.decide.plan import Plan, make_plan
from services.fetcher.decide.read_failures import ReadFailures
from services.fetcher.decide.unchanged import quiet_until
from shared.model.account import Account, Login, MailboxKind, Routing
from shared.model.endpoint import Endpoint
from shared.model.mailbox import Listed, Listing, ListingSpan, Place, UidRange, numeric_uid
from shared.model.message import LedgerKey, MessageStatus
from shared.model.reading import Oversize, Reading
from shared.model.retention import DAY, Retention
from shared.ports.store import LedgerRow

NOW = 1_000_000.0
HERE, BEFORE, OTHER = Place("INBOX", 7), Place("INBOX", 6), Place("Archive", 7)
UIDS = 8
ACCOUNT = Account(
    tenant="acme",
    name="bob",
    protocol="imap",
    endpoint=Endpoint("imap.test", 993),
    login=Login("bob", SecretStr("x")),
    target="here",
    routing=Routing(MailboxKind.SINGLE),
    retention=Retention(None),
)
READING = Reading(max_size=500, oversize=Oversize.LEAVE)

listed = st.tuples(st.integers(1, UIDS), st.sampled_from([0, 100, 200, 900]), st.booleans())
known = st.tuples(
    st.sampled_from([HERE, HERE, HERE, HERE, BEFORE, OTHER]),
    st.integers(1, UIDS),
    st.sampled_from([*MessageStatus][:4] + [MessageStatus.SETTLED] * 3 + [MessageStatus.DELETING]),
    st.sampled_from([100, 200, 0]),
    st.sampled_from([NOW - 5 * DAY, NOW - 2 * DAY]),
    st.sampled_from([NOW + 60, NOW - 60]),
    st.booleans(),
)


def entries_of(mails: Sequence[tuple[int, int, bool]]) -> list[Listed]:
    unique = {uid: size for uid, size, _ in mails}
    return [
        Listed(numeric_uid(uid), number, unique[uid], place=HERE)
        for number, uid in enumerate(sorted(unique), 1)
    ]


def row(
    place: Place,
    uid: int,
    status: MessageStatus = MessageStatus.SETTLED,
    size: int = 100,
    first: float = NOW,
    lease: float = NOW,
    *,
    is_held: bool = False,
) -> LedgerRow:
    key = LedgerKey(*place, numeric_uid(uid))
    held = {"blob": "a blob", "unbacked": True} if is_held else {}
    return LedgerRow(f"{key}", key, status, 1, size, size, first, lease, content="c", header="h", **held)  # type: ignore[arg-type] # the two last ones


def huge(retention: Retention = Retention(None)) -> HugeMailbox:
    return HugeMailbox(retention, READING, ReadFailures(), NOW)


def in_spans(
    left: HugeMailbox, listing: Listing, rows: Sequence[LedgerRow], width: int, *, is_complete: bool = True
) -> tuple[Listing, Sequence[LedgerRow]]:
    """Hand over a listing by ranges of `width` UIDs."""
    firsts = range(1, UIDS + 1, width)
    last: ListingSpan | None = None
    for first in firsts:
        is_last = first == firsts[-1]
        end = None if is_last else numeric_uid(first + width - 1)
        uids = UidRange(HERE, numeric_uid(first) if first > 1 else "", end)
        entries = [each for each in listing.entries if uids.includes(each.key)]
        part = replace(listing, entries=entries, covered=(uids,))
        left.add_span(part, [each for each in rows if uids.includes(each.key)])
        last = ListingSpan(part, is_whole=False, is_complete=is_last and is_complete)
    left.add_elsewhere([each for each in rows if Place(each.key.folder, each.key.uidvalidity) != HERE])
    assert last is not None
    return left.conclude(last)


def planned(listing: Listing, rows: Sequence[LedgerRow], retention: Retention) -> tuple[Listing, Plan]:
    visible = without_flagged(listing, rows)
    plan = make_plan(
        visible, rows, retention=retention, reading=READING, now=NOW, read_failures=ReadFailures()
    )
    return visible, plan


def comparable(plan: Plan) -> tuple[object, ...]:
    """The plan without the order of rows, which a database does not promise."""
    return (
        plan.gone,
        {each.message for each in plan.delete},
        plan.choice,
        {each.message for each in plan.in_flight},
        {each.message for each in plan.moved},
        plan.hidden,
    )


@given(st.lists(listed), st.lists(known), st.integers(1, UIDS), st.sampled_from([None, 3]), st.booleans())
def test_the_plan_is_that_of_the_whole_listing(
    mails: list[tuple[int, int, bool]],
    rows: list[tuple[Place, int, MessageStatus, int, float, float, bool]],
    width: int,
    days: int | None,
    is_complete: bool,
) -> None:
    flagged = {uid: is_flagged for uid, _, is_flagged in mails}
    entries = entries_of(mails)
    ledger = [*{each.key: each for each in (row(*mail[:6], is_held=mail[6]) for mail in rows)}.values()]
    covered = (UidRange(HERE),) if is_complete else ()
    marked = frozenset(each.number for each in entries if flagged[int(each.uid)])
    whole = Listing(entries, has_uids=True, problems=(), covered=covered, flagged=marked)
    retention = Retention(days)
    left = huge(retention)
    reduced, some = in_spans(left, whole, ledger, width, is_complete=is_complete)
    visible, expected = planned(whole, ledger, retention)
    shown, found = planned(reduced, some, retention)
    if not is_complete:
        # Without anything listed of a folder, nothing is known of its UIDVALIDITY, and nothing is decided.
        expected = replace(expected, moved=found.moved) if not reduced.entries else expected
    assert comparable(found) == comparable(expected)
    assert found.kept + left.kept == expected.kept
    assert (shown.flagged, not left.is_too_different) == (visible.flagged, True)
    quiet = quiet_until(ACCOUNT, visible, expected, ledger, retention, NOW)
    reduced_quiet = quiet_until(ACCOUNT, shown, found, some, retention, NOW)
    if quiet is None or reduced_quiet is None or not is_complete:
        assert (quiet is None) == (reduced_quiet is None)
    else:
        assert quiet == min(reduced_quiet, left.kept_until)


def test_while_new_mails_wait_all_of_the_missing_must_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huge_mailbox, "MOST_OTHERS", 2)
    left = huge()
    whole = Listing(entries_of([(8, 100, False)]), has_uids=True, problems=())
    in_spans(left, whole, [row(HERE, uid) for uid in (1, 2, 3)], 3)
    assert left.is_too_different


def test_of_very_many_missing_mails_some_are_gone_in_each_visit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huge_mailbox, "MOST_OTHERS", 2)
    left = huge()
    reduced, rows = in_spans(
        left, Listing((), has_uids=True, problems=()), [row(HERE, uid) for uid in (1, 2, 3)], 3
    )
    assert (left.is_too_different, left.has_more) == (False, True)
    assert len(planned(reduced, rows, Retention(None))[1].gone) == 2


def test_more_new_mails_than_one_visit_plans_wait_and_nothing_else_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(huge_mailbox, "MOST_NEW", 2)
    monkeypatch.setattr(huge_mailbox, "MOST_OTHERS", 2)
    left = huge(Retention(3))
    mails = [(1, 900, False), (2, 100, False), (3, 100, False), (4, 100, False), (5, 100, False)]
    whole = Listing(entries_of(mails), has_uids=True, problems=())
    reduced, rows = in_spans(left, whole, [row(HERE, 5, first=NOW - 5 * DAY)], 3)
    plan = planned(reduced, rows, Retention(3))[1]
    assert [each.key.uid[-1] for each in plan.choice.fetch] == ["2", "3"]
    assert [each.entry.uid[-1] for each in plan.delete] == ["5"]
    assert [each.key.uid[-1] for each in plan.choice.oversize] == ["1"]
    assert (left.left, left.has_more, left.is_too_different) == (1, True, False)


def test_a_mail_whose_header_was_another_one_before_is_looked_at_each_time() -> None:
    left = huge()
    left.looked_at = [LedgerKey(*HERE, numeric_uid(1))]
    whole = Listing(entries_of([(1, 100, False), (2, 100, False)]), has_uids=True, problems=())
    reduced, rows = in_spans(left, whole, [row(HERE, 1), row(HERE, 2)], 3)
    assert [each.uid for each in reduced.entries] == [numeric_uid(1)]
    assert ([each.key.uid for each in rows], left.kept) == ([numeric_uid(1)], 1)


def test_rows_of_too_many_other_places_are_compared_with_the_whole_listing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(huge_mailbox, "MOST_OTHERS", 2)
    left = huge()
    in_spans(left, Listing((), has_uids=True, problems=()), [row(BEFORE, uid) for uid in (1, 2, 3)], 3)
    assert left.is_too_different


def test_mails_of_another_size_than_before_that_are_too_many_are_compared_with_the_whole_listing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(huge_mailbox, "MOST_OTHERS", 2)
    left = huge()
    whole = Listing(entries_of([(uid, 200, False) for uid in (1, 2, 3)]), has_uids=True, problems=())
    in_spans(left, whole, [row(HERE, uid) for uid in (1, 2, 3)], 3)
    assert left.is_too_different
