"""Mails whose source cannot be relied upon: spooled, gone early, without their blob, or under another key."""

from __future__ import annotations

import pytest

from shared.contract.journal import DeliveryBegun, Gone, Lost, Republished
from shared.custody import decide
from shared.custody.commands import NewPlace
from shared.custody.fold import fold
from shared.custody.state import Message
from shared.model.message import MessageStatus, RecipientStatus
from tests.fakes.custody import (
    BOB,
    EVE,
    KEY,
    LEASE,
    NOW,
    ended_entry,
    fetched_entry,
    fetched_mail,
    folded,
    message,
    outcome_of,
    recipient,
    routed_entry,
)

M, R = MessageStatus, RecipientStatus


def test_a_mail_that_only_its_blob_can_serve_is_published_again_once_its_event_is_lost() -> None:
    known = message(M.ROUTED, recipient(), blob="b", unbacked=True)
    assert decide.republish(known, "f", NOW + LEASE - 1, LEASE) is None
    entries = decide.republish(known, "f", NOW + LEASE, LEASE)
    assert entries is not None
    lost, again = entries
    assert isinstance(lost, Lost)
    assert isinstance(again, Republished)
    assert (again.fetch_no, again.fetcher, again.lease_until) == (2, "f", NOW + 2 * LEASE)
    after = fold(fold(known, lost), again)
    assert (after.status, after.fetch_no, after.unbacked) == (M.FETCHED, 2, True)


def test_a_lease_set_by_a_clock_that_was_ahead_is_over() -> None:
    ahead = message(M.FETCHED, blob="b", unbacked=True, lease_until=NOW + 40 * 86400)
    assert decide.republish(ahead, "f", NOW, LEASE, longest=6 * 3600) is not None
    assert decide.republish(ahead, "f", NOW, LEASE) is None
    assert decide.is_on_its_way(M.FETCHED, NOW + 3600, NOW, longest=6 * 3600)
    assert not decide.is_on_its_way(M.SETTLED, NOW + 3600, NOW)


@pytest.mark.parametrize(
    "known",
    [
        message(M.LOST, recipient(), blob="b"),
        message(M.LOST, recipient(), unbacked=True),
    ],
)
def test_what_its_source_backs_or_what_is_not_held_is_not_republished(known: Message) -> None:
    assert decide.republish(known, "f", NOW, LEASE) is None


def test_a_mail_that_left_its_source_early_is_not_done() -> None:
    known = message(M.ROUTED, recipient())
    entry = decide.mark_gone(known, "taken away", NOW)
    assert entry is not None
    after = fold(known, entry)
    assert (after.status, after.gone_at, after.unbacked) == (M.ROUTED, NOW, True)
    assert after.is_lost_at_source
    assert decide.mark_gone(after, "taken away", NOW) is None
    assert decide.record_fetch(after, fetched_mail(known=1), "acme/box", NOW, LEASE) == []


def test_a_mail_that_left_early_is_gone_once_it_is_served() -> None:
    served = folded(
        fetched_entry(),
        routed_entry((BOB, R.OPEN)),
        Gone(message="m1", at=NOW + 2, reason="taken away", early=True),
        DeliveryBegun(message="m1", at=NOW + 3, addresses=(BOB,), worker="r", lease_until=NOW + LEASE),
        ended_entry(outcome_of(BOB, R.DELIVERED)),
    )
    assert (served.status, served.unbacked, served.is_finished) == (M.GONE, False, True)


def test_a_mail_whose_blob_is_lost_is_fetched_again_from_its_source() -> None:
    known = message(M.ROUTED, recipient(status=R.ATTEMPTING), blob="b", unbacked=True)
    (entry,) = decide.lose_blob(known, "b", "no such blob", NOW)
    after = fold(known, entry)
    assert (after.status, after.blob, after.unbacked) == (M.LOST, None, False)
    assert decide.lose_blob(after, "b", "no such blob", NOW) == []
    assert decide.lose_blob(known, "another", "no such blob", NOW) == []


@pytest.mark.parametrize("status", [M.FETCHED, M.LOST, M.ROUTED])
def test_a_mail_whose_blob_is_lost_and_whose_source_has_it_no_more_is_parked(status: MessageStatus) -> None:
    recipients = (recipient(BOB, R.DELIVERED), recipient(EVE)) if status is not M.FETCHED else ()
    known = message(status, *recipients, blob="b", unbacked=True, gone_at=NOW)
    after = known
    for entry in decide.lose_blob(known, "b", "no such blob", NOW):
        after = fold(after, entry)
    assert (after.status, after.blob, after.unbacked) == (M.GONE, None, False)
    parked = after.recipients[EVE if recipients else ""]
    assert (parked.status, parked.parked_at) == (R.PARKED, NOW)
    assert "no such blob" in (parked.text, parked.reason)
    assert decide.retry_parked(after, parked.address, None, None, NOW) is None


def test_a_mail_is_renamed_while_its_source_has_it() -> None:
    place = NewPlace("m1", KEY._replace(uid="uid 2"), 4000)
    known = message(M.SETTLED, recipient(status=R.DELIVERED))
    entry = decide.rename(known, place, NOW)
    assert entry is not None
    assert fold(known, entry).key.uid == "uid 2"
    assert decide.rename(known, place._replace(key=KEY), NOW) is None
    assert decide.rename(known._replace(gone_at=NOW), place, NOW) is None
