"""What each entry of the journal makes of a message and its claims."""

from __future__ import annotations

import pytest

from shared.contract.journal import (
    Deleting,
    DeliveryBegun,
    Entry,
    Gone,
    Lost,
    ParkedDiscarded,
    ParkedRetried,
    WaitingResolved,
)
from shared.custody.claims import claim_after, claims_touched
from shared.custody.fold import BrokenJournal, fold
from shared.custody.state import Claim, ClaimKey
from shared.model.message import MessageStatus, RecipientStatus
from tests.fakes.custody import (
    BOB,
    EVE,
    LEASE,
    NOW,
    ended_entry,
    fetched_entry,
    folded,
    message,
    outcome_of,
    recipient,
    routed_entry,
)

M, R = MessageStatus, RecipientStatus
BEGUN = DeliveryBegun(message="m1", at=NOW + 2, addresses=(BOB,), worker="relay-1", lease_until=NOW + LEASE)
LOST = Lost(message="m1", at=NOW + 4, reason="why")


def resolved(status: RecipientStatus) -> WaitingResolved:
    return WaitingResolved(message="m1", at=NOW + 5, address=BOB, holder="another", status=status)


def test_a_fetched_mail_is_as_its_entry_says() -> None:
    known = folded(fetched_entry(blob="spool-1"))
    assert (known.status, known.fetch_no, known.blob, known.first_fetched_at) == (
        M.FETCHED,
        1,
        "spool-1",
        NOW,
    )


def test_a_mail_fetched_again_keeps_what_it_was_and_when_it_first_came() -> None:
    again = fetched_entry(at=NOW + 50, fetch_no=2, octets=5000, fetcher="fetcher-2", lease_until=NOW + 2000)
    known = folded(fetched_entry(blob="spool-1"), routed_entry((BOB, R.OPEN)), LOST, again)
    assert (known.status, known.fetch_no, known.octets, known.fetcher) == (M.FETCHED, 2, 5000, "fetcher-2")
    assert (known.first_fetched_at, known.lease_until, known.blob) == (NOW, NOW + 2000, "spool-1")
    assert list(known.recipients) == [BOB]


def test_a_routed_mail_has_recipients() -> None:
    known = folded(fetched_entry(), routed_entry((BOB, R.OPEN), (EVE, R.WAITING)))
    assert (known.status, known.identity, known.target) == (M.ROUTED, "content", "exchange")
    assert {each.address: each.status for each in known.recipients.values()} == {BOB: R.OPEN, EVE: R.WAITING}


def test_a_mail_whose_recipients_are_all_suppressed_is_settled_at_once() -> None:
    known = folded(fetched_entry(), routed_entry((BOB, R.SUPPRESSED)))
    assert (known.status, known.settled_at) == (M.SETTLED, NOW + 1)


def test_a_mail_without_recipients_is_never_settled() -> None:
    assert folded(fetched_entry(), routed_entry()).status is M.ROUTED


def test_a_recipient_routed_again_keeps_its_count_of_attempts() -> None:
    again = [fetched_entry(fetch_no=2), routed_entry((BOB, R.OPEN), fetch_no=2)]
    known = folded(fetched_entry(), routed_entry((BOB, R.OPEN)), BEGUN, LOST, *again)
    assert (known.recipients[BOB].attempt, known.recipients[BOB].in_doubt) == (1, 1)


def test_a_deferred_recipient_routed_again_keeps_its_time_and_the_reply() -> None:
    deferred = ended_entry(outcome_of(BOB, R.DEFERRED, NOW + 3600, code="451", text="try later"))
    again = [fetched_entry(fetch_no=2), routed_entry((BOB, R.DEFERRED), (EVE, R.OPEN), fetch_no=2)]
    known = folded(fetched_entry(), routed_entry((BOB, R.OPEN)), BEGUN, deferred, LOST, *again).recipients[
        BOB
    ]
    assert (known.status, known.attempt, known.next_attempt_at) == (R.DEFERRED, 1, NOW + 3600)
    assert (known.code, known.text) == ("451", "try later")


def test_an_attempt_counts_from_its_beginning() -> None:
    known = folded(fetched_entry(), routed_entry((BOB, R.OPEN), (EVE, R.OPEN)), BEGUN)
    assert (known.recipients[BOB].status, known.recipients[BOB].attempt) == (R.ATTEMPTING, 1)
    assert (known.recipients[EVE].status, known.recipients[EVE].attempt) == (R.OPEN, 0)


def test_an_outcome_is_remembered_with_the_answer() -> None:
    outcome = outcome_of(
        BOB, R.DEFERRED, NOW + 60, code="451", text="try later", destination=EVE, in_doubt=True
    )
    known = folded(fetched_entry(), routed_entry((BOB, R.OPEN)), BEGUN, ended_entry(outcome)).recipients[BOB]
    assert (known.status, known.code, known.text, known.destination) == (R.DEFERRED, "451", "try later", EVE)
    assert (known.next_attempt_at, known.in_doubt, known.parked_at) == (NOW + 60, 1, None)


def test_the_last_outcome_settles_the_mail() -> None:
    entries = [fetched_entry(), routed_entry((BOB, R.OPEN), (EVE, R.OPEN)), BEGUN]
    half = folded(*entries, ended_entry(outcome_of(BOB, R.DELIVERED)))
    assert half.status is M.ROUTED
    whole = folded(
        *entries, ended_entry(outcome_of(BOB, R.DELIVERED), outcome_of(EVE, R.PARKED), blob="blob-1")
    )
    assert (whole.status, whole.settled_at, whole.blob) == (M.SETTLED, NOW + 3, "blob-1")
    assert whole.recipients[EVE].parked_at == NOW + 3


@pytest.mark.parametrize("status", [M.LOST, M.FETCHED, M.GONE])
def test_a_late_success_does_not_settle_what_is_not_under_way(status: MessageStatus) -> None:
    known = message(status, recipient(BOB, R.ATTEMPTING))
    after = fold(known, ended_entry(outcome_of(BOB, R.DELIVERED)))
    assert (after.status, after.recipients[BOB].status) == (status, R.DELIVERED)


def test_a_lost_mail_leaves_attempts_in_doubt() -> None:
    known = fold(message(M.ROUTED, recipient(BOB, R.ATTEMPTING), recipient(EVE, R.DELIVERED)), LOST)
    assert known.status is M.LOST
    assert (known.recipients[BOB].status, known.recipients[BOB].in_doubt) == (R.OPEN, 1)
    assert known.recipients[EVE].status is R.DELIVERED


def test_a_recipient_whose_copy_failed_needs_the_mail_again() -> None:
    known = fold(message(M.ROUTED, recipient(BOB, R.WAITING)), resolved(R.OPEN))
    assert (known.status, known.recipients[BOB].status) == (M.LOST, R.OPEN)


def test_a_mail_that_is_still_being_delivered_elsewhere_is_not_lost() -> None:
    known = fold(message(M.ROUTED, recipient(BOB, R.WAITING), recipient(EVE, R.ATTEMPTING)), resolved(R.OPEN))
    assert known.status is M.ROUTED


def test_a_mail_that_is_still_to_be_routed_is_not_lost() -> None:
    assert fold(message(M.FETCHED, recipient(BOB, R.WAITING)), resolved(R.OPEN)).status is M.FETCHED


def test_a_recipient_that_waited_for_a_copy_that_arrived_is_done() -> None:
    known = fold(message(M.ROUTED, recipient(BOB, R.WAITING)), resolved(R.SUPPRESSED))
    assert (known.status, known.settled_at) == (M.SETTLED, NOW + 5)


def test_what_an_operator_does_with_parked_mail() -> None:
    parked = message(M.GONE, recipient(BOB, R.PARKED, parked_at=NOW), blob="blob-1")
    retry = ParkedRetried(message="m1", at=NOW + 6, address=BOB, destination=EVE, target="other")
    open_again = fold(parked, retry).recipients[BOB]
    assert (open_again.status, open_again.destination, open_again.target) == (R.OPEN, EVE, "other")
    assert (open_again.next_attempt_at, open_again.parked_at) == (NOW + 6, None)
    given_up = fold(parked, ParkedDiscarded(message="m1", at=NOW + 6, address=BOB)).recipients[BOB]
    assert (given_up.status, given_up.parked_at) == (R.DISCARDED, None)


def test_the_end_of_a_mail() -> None:
    settled = message(M.SETTLED, recipient(BOB, R.DELIVERED))
    deleting = fold(settled, Deleting(message="m1", at=NOW))
    gone = fold(deleting, Gone(message="m1", at=NOW, reason="not listed"))
    assert (deleting.status, gone.status) == (M.DELETING, M.GONE)


def test_no_story_begins_in_the_middle() -> None:
    with pytest.raises(BrokenJournal, match="never fetched"):
        fold(None, LOST)
    with pytest.raises(BrokenJournal, match="unknown"):
        fold(message(), Unheard(message="m1", at=NOW))


class Unheard(Entry):
    wire_name = "journal.unheard"


class TestClaims:
    mine = ClaimKey("acme", BOB, "content")

    def test_an_open_recipient_takes_the_claim_and_a_delivered_one_fulfils_it(self) -> None:
        entry = routed_entry((BOB, R.OPEN), (EVE, R.WAITING))
        assert claims_touched(message(), entry) == [(self.mine, R.OPEN)]
        assert claim_after(Claim("another", done=False), "m1", R.OPEN) == Claim("m1", done=False)
        assert claim_after(None, "m1", R.DELIVERED) == Claim("m1", done=True)

    def test_outcomes_touch_claims_unless_they_are_deferrals(self) -> None:
        entry = ended_entry(outcome_of(BOB, R.PARKED), outcome_of(EVE, R.DEFERRED))
        assert claims_touched(message(), entry) == [(self.mine, R.PARKED)]
        assert claims_touched(message(), LOST) == []

    def test_a_holder_that_fails_gives_up_its_own_claim_only(self) -> None:
        for status in (R.PARKED, R.DISCARDED):
            assert claim_after(Claim("m1", done=False), "m1", status) is None
            for held in (Claim("another", done=False), Claim("m1", done=True), None):
                assert claim_after(held, "m1", status) == held
