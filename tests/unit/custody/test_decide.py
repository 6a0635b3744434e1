"""Each rule of custody has a test that fails without it."""

from __future__ import annotations

import pytest

from shared.contract.journal import Fetched, Lost
from shared.custody import decide
from shared.custody.commands import Attempt, ChosenRecipient, Outcomes, Surplus
from shared.custody.fold import fold
from shared.custody.state import Claim, ClaimKey, ClaimView, Message
from shared.model.message import IN_FLIGHT, TERMINAL, MessageStatus, RecipientStatus
from tests.fakes.custody import (
    BOB,
    EVE,
    LEASE,
    NOW,
    fetched_mail,
    message,
    outcome_of,
    recipient,
    routed_mail,
)

M, R = MessageStatus, RecipientStatus
KEY = ClaimKey("acme", BOB, "content")


def view(
    *,
    done: bool = False,
    holder: MessageStatus | None = M.ROUTED,
    recipient_status: RecipientStatus | None = R.OPEN,
    until: float | None = NOW + 10,
) -> ClaimView:
    return ClaimView(Claim("another", done), holder, until, recipient_status)


def route(known: Message, *addresses: str, claim: ClaimView | None = None) -> dict[str, RecipientStatus]:
    claims = {KEY: claim} if claim else {}
    entry = decide.route(known, routed_mail(*addresses), claims, NOW, LEASE)
    assert entry is not None
    return {each.address: each.status for each in entry.recipients}


class TestFetching:
    def test_a_mail_that_nobody_knew_is_entered_for_the_first_time(self) -> None:
        [entry] = decide.record_fetch(None, fetched_mail(), "acme/box", NOW, LEASE)
        assert isinstance(entry, Fetched)
        assert (entry.fetch_no, entry.lease_until, entry.account) == (1, NOW + LEASE, "acme/box")

    @pytest.mark.parametrize("status", sorted(IN_FLIGHT))
    def test_a_mail_in_flight_that_is_fetched_again_was_lost(self, status: MessageStatus) -> None:
        lost, fetched = decide.record_fetch(message(status), fetched_mail(known=1), "acme/box", NOW, LEASE)
        assert isinstance(lost, Lost)
        assert isinstance(fetched, Fetched)
        assert fetched.fetch_no == 2

    def test_a_lost_mail_is_fetched_again_without_being_lost_twice(self) -> None:
        entries = decide.record_fetch(message(M.LOST), fetched_mail(known=1), "acme/box", NOW, LEASE)
        assert [type(each) for each in entries] == [Fetched]

    @pytest.mark.parametrize("status", [M.SETTLED, M.DELETING, M.GONE])
    def test_a_mail_that_is_done_is_not_fetched_again(self, status: MessageStatus) -> None:
        assert decide.record_fetch(message(status), fetched_mail(known=1), "acme/box", NOW, LEASE) == []

    @pytest.mark.parametrize("known", [0, 2])
    def test_a_fetch_that_knows_another_number_is_stale(self, known: int) -> None:
        assert decide.record_fetch(message(M.LOST), fetched_mail(known=known), "acme/box", NOW, LEASE) == []

    def test_a_fetch_of_a_mail_that_nobody_knows_any_more_is_stale(self) -> None:
        assert decide.record_fetch(None, fetched_mail(known=1), "acme/box", NOW, LEASE) == []


class TestRouting:
    def test_a_recipient_that_nobody_claims_is_open(self) -> None:
        assert route(message(M.FETCHED), BOB, EVE) == {BOB: R.OPEN, EVE: R.OPEN}

    def test_a_duplicate_is_suppressed_against_a_claim_that_is_done(self) -> None:
        assert route(message(M.FETCHED), BOB, claim=view(done=True)) == {BOB: R.SUPPRESSED}

    def test_a_duplicate_waits_for_a_holder_that_is_on_its_way(self) -> None:
        assert route(message(M.FETCHED), BOB, claim=view()) == {BOB: R.WAITING}

    @pytest.mark.parametrize("status", [R.OPEN, R.ATTEMPTING, R.DEFERRED])
    def test_a_duplicate_waits_as_long_as_the_holder_may_still_deliver(self, status: RecipientStatus) -> None:
        assert route(message(M.FETCHED), BOB, claim=view(recipient_status=status)) == {BOB: R.WAITING}

    @pytest.mark.parametrize(
        "dead",
        [
            view(until=NOW),
            view(holder=M.LOST),
            view(holder=M.GONE, recipient_status=R.DISCARDED),
            view(holder=None, until=None, recipient_status=None),
            view(recipient_status=R.PARKED),
            view(recipient_status=R.DISCARDED),
            view(recipient_status=R.WAITING),
            view(recipient_status=None),
        ],
    )
    def test_the_claim_of_a_failed_or_vanished_holder_is_taken_over(self, dead: ClaimView) -> None:
        assert route(message(M.FETCHED), BOB, claim=dead) == {BOB: R.OPEN}

    def test_a_claim_of_its_own_does_not_hold_a_mail_up(self) -> None:
        own = ClaimView(Claim("m1", done=False), M.FETCHED, NOW + 10, R.OPEN)
        assert route(message(M.FETCHED), BOB, claim=own) == {BOB: R.OPEN}

    def test_a_mail_that_waits_has_a_lease_as_long_as_its_holders(self) -> None:
        entry = decide.route(message(M.FETCHED), routed_mail(BOB), {KEY: view(until=NOW + 5000)}, NOW, LEASE)
        assert entry is not None
        assert entry.lease_until == NOW + 5000

    def test_a_mail_goes_by_the_nearest_identity_that_its_recipients_claim_and_else_by_its_own(self) -> None:
        known = message(M.FETCHED, identity="")
        mail = routed_mail(BOB, EVE, identity="10", near=("9", "11", "8"))
        claims = {each: ClaimKey("acme", EVE, each) for each in ("10", "9", "11", "8", "7")}
        for claimed, identity in (
            ("", "10"),
            ("10 9", "10"),
            ("8 11", "11"),
            ("8 7", "8"),
            ("7", "10"),
        ):
            held = {claims[each] for each in claimed.split()}
            assert decide.match_identity(known, mail, held) == mail._replace(identity=identity)
        assert decide.match_identity(known, mail, {ClaimKey("acme", "carol@corp.example", "10")}) == mail
        assert decide.match_identity(known._replace(identity="11"), mail, {claims["9"]}).identity == "11"
        assert decide.claims_of_near_identities(known, routed_mail(BOB, identity="10", near=("9", "11"))) == [
            ClaimKey("acme", BOB, "9"),
            ClaimKey("acme", BOB, "11"),
        ]

    def test_a_recipient_may_be_parked_beside_one_that_is_served(self) -> None:
        chosen = (ChosenRecipient(BOB, BOB, "To", parked=True), ChosenRecipient(EVE, EVE, "To"))
        mail = routed_mail(recipients=chosen, blob="mail/m1")
        entry = decide.route(message(M.FETCHED), mail, {}, NOW, LEASE)
        assert entry is not None
        assert [(each.address, each.status) for each in entry.recipients] == [(BOB, R.PARKED), (EVE, R.OPEN)]
        assert decide.claims_needed(message(M.FETCHED), mail) == [ClaimKey("acme", EVE, "content")]

    def test_nobody_is_parked_without_the_raw_mail(self) -> None:
        mail = routed_mail(recipients=(ChosenRecipient(BOB, BOB, "To", parked=True),))
        with pytest.raises(ValueError, match="raw mail"):
            decide.route(message(M.FETCHED), mail, {}, NOW, LEASE)

    def test_a_recipient_that_was_promised_the_mail_is_not_parked_before_an_attempt(self) -> None:
        known = message(M.FETCHED, recipient(BOB, R.DEFERRED))
        mail = routed_mail(recipients=(ChosenRecipient(BOB, BOB, "To", parked=True),))
        entry = decide.route(known, mail, {}, NOW, LEASE)
        assert entry is not None
        assert [(each.address, each.status) for each in entry.recipients] == [(BOB, R.OPEN)]

    @pytest.mark.parametrize("status", [R.DEFERRED, R.DELIVERED])
    def test_a_recipient_that_was_promised_the_mail_is_not_replaced(self, status: RecipientStatus) -> None:
        known = message(M.FETCHED, recipient(BOB, status))
        mail = routed_mail(recipients=(ChosenRecipient(EVE, BOB, "postmaster", stands_for=(BOB,)),))
        entry = decide.route(known, mail, {}, NOW, LEASE)
        assert entry is not None
        assert EVE not in {each.address for each in entry.recipients}

    def test_a_replacement_is_served_if_one_of_the_replaced_was_not_promised_the_mail(self) -> None:
        known = message(M.FETCHED, recipient(BOB, R.DELIVERED))
        chosen = ChosenRecipient(EVE, BOB, "postmaster", stands_for=(BOB, "new@corp.example"))
        entry = decide.route(known, routed_mail(recipients=(chosen,)), {}, NOW, LEASE)
        assert entry is not None
        assert [(each.address, each.status) for each in entry.recipients] == [(EVE, R.OPEN)]

    @pytest.mark.parametrize("status", sorted(TERMINAL))
    def test_a_recipient_that_is_done_is_not_served_again(self, status: RecipientStatus) -> None:
        known = message(M.FETCHED, recipient(BOB, status))
        assert route(known, BOB, EVE) == {EVE: R.OPEN}

    def test_a_recipient_that_was_promised_the_mail_gets_it_though_not_chosen_this_time(self) -> None:
        known = message(M.FETCHED, recipient(BOB, R.DEFERRED, destination="elsewhere@corp.example"))
        entry = decide.route(known, routed_mail(EVE), {}, NOW, LEASE)
        assert entry is not None
        assert [(each.address, each.destination) for each in entry.recipients] == [
            (BOB, "elsewhere@corp.example"),
            (EVE, EVE),
        ]

    @pytest.mark.parametrize(
        ("due_in", "status"),
        [(60.0, R.DEFERRED), (3600.0, R.DEFERRED), (0.0, R.OPEN), (-1.0, R.OPEN), (3601.0, R.OPEN)],
    )
    def test_a_deferred_recipient_stays_deferred_until_its_time_unless_a_wrong_clock_set_it(
        self, due_in: float, status: RecipientStatus
    ) -> None:
        known = message(M.FETCHED, recipient(BOB, R.DEFERRED, next_attempt_at=NOW + due_in))
        entry = decide.route(known, routed_mail(BOB, EVE), {}, NOW, LEASE, longest=3600.0)
        assert entry is not None
        assert [each.status for each in entry.recipients] == [status, R.OPEN]
        assert entry.lease_until == NOW + LEASE + (due_in if status is R.DEFERRED else 0)

    def test_a_recipient_deferred_by_another_target_is_tried_at_once(self) -> None:
        known = message(M.FETCHED, recipient(BOB, R.DEFERRED, next_attempt_at=NOW + 60, target="old"))
        assert route(known, BOB) == {BOB: R.OPEN}

    @pytest.mark.parametrize(("claim", "status"), [(view(), R.WAITING), (view(done=True), R.SUPPRESSED)])
    def test_a_deferred_recipient_overtaken_by_a_copy_gives_way_to_it(
        self, claim: ClaimView, status: RecipientStatus
    ) -> None:
        known = message(M.FETCHED, recipient(BOB, R.DEFERRED, next_attempt_at=NOW + 60))
        assert route(known, BOB, claim=claim) == {BOB: status}

    @pytest.mark.parametrize("status", sorted(set(M) - {M.FETCHED}))
    def test_only_what_is_fetched_and_not_yet_routed_is_routed(self, status: MessageStatus) -> None:
        assert decide.route(message(status), routed_mail(BOB), {}, NOW, LEASE) is None

    def test_a_routing_of_another_fetch_is_stale(self) -> None:
        assert decide.route(message(M.FETCHED, fetch_no=2), routed_mail(BOB), {}, NOW, LEASE) is None
        assert decide.route(None, routed_mail(BOB), {}, NOW, LEASE) is None

    def test_a_mail_that_nobody_can_get_is_parked_with_the_reason(self) -> None:
        mail = routed_mail(park_reason="a loop", blob="blob-1")
        entry = decide.route(message(M.FETCHED), mail, {}, NOW, LEASE)
        assert entry is not None
        [parked] = entry.recipients
        assert (parked.status, parked.reason, entry.blob) == (R.PARKED, "a loop", "blob-1")

    def test_a_mail_is_not_parked_without_its_raw_bytes(self) -> None:
        with pytest.raises(ValueError, match="raw mail"):
            decide.route(message(M.FETCHED), routed_mail(park_reason="a loop"), {}, NOW, LEASE)

    def test_a_mail_that_is_spooled_may_be_parked_as_it_is(self) -> None:
        known = message(M.FETCHED, blob="spool-1")
        assert decide.route(known, routed_mail(park_reason="a loop"), {}, NOW, LEASE) is not None

    @pytest.mark.parametrize(
        ("claim", "statuses"),
        [
            (view(done=True), {BOB: R.SUPPRESSED, EVE: R.OPEN}),
            (view(), {BOB: R.WAITING, EVE: R.OPEN}),
            (view(holder=M.LOST), {BOB: R.OPEN}),
        ],
    )
    def test_a_surplus_copy_gets_its_recipient_unless_it_must_serve_a_named_one(
        self, claim: ClaimView, statuses: dict[str, RecipientStatus]
    ) -> None:
        surplus = Surplus(ChosenRecipient(EVE, "", "a copy for somebody unnamed"), 1)
        entry = decide.route(
            message(M.FETCHED),
            routed_mail(BOB, surplus=surplus),
            {KEY: claim},
            NOW,
            LEASE,
            is_surplus=True,
        )
        assert entry is not None
        assert {each.address: each.status for each in entry.recipients} == statuses

    def test_what_may_be_a_copy_in_surplus(self) -> None:
        surplus = Surplus(ChosenRecipient(EVE, "", "why"), 1)
        mail = routed_mail(BOB, surplus=surplus)
        by_another, by_itself = {KEY: "another"}, {KEY: "m1"}
        assert decide.may_be_surplus(message(M.FETCHED), mail, by_another)
        assert not decide.may_be_surplus(message(M.FETCHED), mail, by_itself)
        assert not decide.may_be_surplus(message(M.FETCHED), routed_mail(BOB), by_another)
        assert not decide.may_be_surplus(message(M.FETCHED), mail._replace(park_reason="why"), by_another)
        assert not decide.may_be_surplus(message(M.FETCHED), routed_mail(EVE, surplus=surplus), by_another)
        before = message(M.FETCHED, recipient(BOB, R.WAITING), recipient(EVE, R.DELIVERED))
        assert not decide.may_be_surplus(before, mail, by_another)
        served = message(M.FETCHED, recipient(BOB, R.WAITING), recipient("x@corp.example", R.DELIVERED))
        assert not decide.may_be_surplus(served, mail, by_another)

    def test_the_claims_needed_are_those_of_recipients_still_to_be_served(self) -> None:
        known = message(M.FETCHED, recipient(BOB, R.DELIVERED))
        assert decide.claims_needed(known, routed_mail(BOB, EVE)) == [ClaimKey("acme", EVE, "content")]


class TestDelivering:
    @staticmethod
    def begin(
        known: Message | None, *recipients: tuple[str, int], fetch_no: int = 1
    ) -> tuple[str, ...] | None:
        entry = decide.begin_attempt(known, Attempt("m1", fetch_no, recipients, "relay-1"), NOW, LEASE)
        return entry.addresses if entry else None

    @pytest.mark.parametrize("status", [R.OPEN, R.DEFERRED])
    def test_an_attempt_begins_at_recipients_that_are_due(self, status: RecipientStatus) -> None:
        assert self.begin(message(M.ROUTED, recipient(BOB, status)), (BOB, 0)) == (BOB,)

    @pytest.mark.parametrize("status", sorted(set(R) - {R.OPEN, R.DEFERRED}))
    def test_no_attempt_begins_at_recipients_that_are_not_due(self, status: RecipientStatus) -> None:
        assert self.begin(message(M.ROUTED, recipient(BOB, status)), (BOB, 0)) is None

    @pytest.mark.parametrize(("due_in", "begins"), [(-1.0, True), (0.0, True), (0.1, False)])
    def test_a_deferred_recipient_is_not_tried_before_its_time(self, due_in: float, begins: bool) -> None:
        known = message(M.ROUTED, recipient(BOB, R.DEFERRED, next_attempt_at=NOW + due_in), recipient(EVE))
        attempt = Attempt("m1", 1, ((BOB, 0), (EVE, 0)), "relay-1")
        assert self.begin(known, *attempt.recipients) == ((BOB, EVE) if begins else (EVE,))
        early = decide.recipients_not_due(known, attempt, NOW)
        assert [each.address for each in early] == ([] if begins else [BOB])

    @pytest.mark.parametrize(
        "attempt", [Attempt("m1", 2, ((BOB, 3),), "r"), Attempt("m1", 1, ((BOB, 2),), "r")]
    )
    def test_it_is_never_too_early_for_what_is_stale(self, attempt: Attempt) -> None:
        waiting = recipient(BOB, R.DEFERRED, attempt=3, next_attempt_at=NOW + 60)
        assert decide.recipients_not_due(message(M.ROUTED, waiting), attempt, NOW) == ()
        assert (
            decide.recipients_not_due(message(M.LOST, waiting), Attempt("m1", 1, ((BOB, 3),), "r"), NOW) == ()
        )
        assert decide.recipients_not_due(None, attempt, NOW) == ()

    def test_an_attempt_with_another_number_is_stale(self) -> None:
        known = message(M.ROUTED, recipient(BOB, attempt=2))
        assert self.begin(known, (BOB, 1)) is None
        assert self.begin(known, (BOB, 3)) is None
        assert self.begin(known, (BOB, 2)) == (BOB,)

    def test_an_attempt_of_another_fetch_is_stale(self) -> None:
        assert self.begin(message(M.ROUTED, recipient()), (BOB, 0), fetch_no=2) is None
        assert self.begin(None, (BOB, 0)) is None

    @pytest.mark.parametrize("status", [M.FETCHED, M.LOST])
    def test_a_mail_that_will_be_routed_again_is_not_delivered_before(self, status: MessageStatus) -> None:
        assert self.begin(message(status, recipient()), (BOB, 0)) is None

    @pytest.mark.parametrize("status", [M.SETTLED, M.DELETING, M.GONE])
    def test_what_was_parked_is_delivered_long_after(self, status: MessageStatus) -> None:
        assert self.begin(message(status, recipient()), (BOB, 0)) == (BOB,)

    @pytest.mark.parametrize(("left", "after"), [(LEASE * 0.95, LEASE * 0.95), (LEASE * 0.5, LEASE)])
    def test_the_lease_is_extended_once_it_is_no_longer_nearly_whole(self, left: float, after: float) -> None:
        known = message(M.ROUTED, recipient(), lease_until=NOW + left)
        entry = decide.begin_attempt(known, Attempt("m1", 1, ((BOB, 0),), "relay-1"), NOW, LEASE)
        assert entry is not None
        assert entry.lease_until == NOW + after

    def test_an_attempt_never_shortens_the_lease(self) -> None:
        known = message(M.ROUTED, recipient(), lease_until=NOW + 5000)
        entry = decide.begin_attempt(known, Attempt("m1", 1, ((BOB, 0),), "relay-1"), NOW, LEASE)
        assert entry is not None
        assert entry.lease_until == NOW + 5000


class TestEnding:
    @staticmethod
    def end(
        known: Message | None, status: RecipientStatus, attempt: int = 1, blob: str | None = None
    ) -> bool:
        ended = Outcomes("m1", ((outcome_of(BOB, status), attempt),), blob)
        return decide.end_attempt(known, ended, NOW, LEASE) is not None

    attempting = message(M.ROUTED, recipient(BOB, R.ATTEMPTING, attempt=1))

    def test_the_owner_of_an_attempt_reports_its_end(self) -> None:
        assert self.end(self.attempting, R.DEFERRED)
        assert self.end(self.attempting, R.PARKED, blob="blob-1")

    def test_a_failure_reported_by_anybody_else_is_stale(self) -> None:
        assert not self.end(self.attempting, R.DEFERRED, attempt=0)
        assert not self.end(message(M.ROUTED, recipient(BOB, R.OPEN, attempt=1)), R.DEFERRED)
        assert not self.end(None, R.DEFERRED)
        assert not self.end(message(M.ROUTED, recipient(EVE)), R.DELIVERED)

    @pytest.mark.parametrize("status", sorted(set(R) - TERMINAL))
    def test_a_success_is_news_whenever_it_comes(self, status: RecipientStatus) -> None:
        assert self.end(message(M.LOST, recipient(BOB, status, attempt=5)), R.DELIVERED)

    @pytest.mark.parametrize("status", sorted(TERMINAL))
    def test_nothing_is_news_about_a_recipient_that_is_done(self, status: RecipientStatus) -> None:
        assert not self.end(message(M.ROUTED, recipient(BOB, status, attempt=1)), R.DELIVERED)

    def test_the_raw_mail_is_stored_before_a_recipient_is_parked(self) -> None:
        with pytest.raises(ValueError, match="raw mail"):
            self.end(self.attempting, R.PARKED)
        assert self.end(self.attempting._replace(blob="spool-1"), R.PARKED)

    def test_a_deferral_keeps_the_mail_until_after_the_next_attempt(self) -> None:
        ended = Outcomes("m1", ((outcome_of(BOB, R.DEFERRED, NOW + 5000), 1),))
        entry = decide.end_attempt(self.attempting, ended, NOW, LEASE)
        assert entry is not None
        assert entry.lease_until == NOW + 5000 + LEASE


class TestTheRest:
    @pytest.mark.parametrize(("arrived", "status"), [(True, R.SUPPRESSED), (False, R.OPEN)])
    def test_a_waiting_recipient_is_resolved_by_what_became_of_the_copy(
        self, arrived: bool, status: RecipientStatus
    ) -> None:
        known = message(M.ROUTED, recipient(BOB, R.WAITING))
        entry = decide.resolve_waiting(known, BOB, "another", arrived=arrived, now=NOW)
        assert entry is not None
        assert (entry.status, entry.holder) == (status, "another")

    def test_a_recipient_that_does_not_wait_is_left_alone(self) -> None:
        known = message(M.ROUTED, recipient(BOB, R.OPEN))
        assert decide.resolve_waiting(known, BOB, "another", arrived=True, now=NOW) is None
        assert decide.resolve_waiting(known, EVE, "another", arrived=True, now=NOW) is None

    @pytest.mark.parametrize("status", sorted(M))
    def test_only_what_is_in_flight_can_be_lost(self, status: MessageStatus) -> None:
        assert bool(decide.mark_lost(message(status), "why", NOW)) == (status in IN_FLIGHT)

    @pytest.mark.parametrize("status", sorted(M))
    def test_only_what_is_settled_may_be_deleted(self, status: MessageStatus) -> None:
        entries = decide.allow_deletion(message(status), NOW)
        assert (entries is not None) == (status in {M.SETTLED, M.DELETING})
        assert bool(entries) == (status is M.SETTLED)

    def test_what_nobody_knows_may_not_be_deleted(self) -> None:
        assert decide.allow_deletion(None, NOW) is None

    def test_a_mail_goes_once(self) -> None:
        assert decide.mark_gone(message(M.DELETING), "not listed", NOW) is not None
        assert decide.mark_gone(message(M.GONE), "not listed", NOW) is None
        assert decide.mark_gone(None, "not listed", NOW) is None

    def test_only_a_recipient_parked_with_its_raw_mail_can_be_retried(self) -> None:
        parked = message(M.SETTLED, recipient(BOB, R.PARKED), blob="blob-1")
        entry = decide.retry_parked(parked, BOB, None, None, NOW)
        assert entry is not None
        assert (entry.destination, entry.target) == (BOB, "exchange")
        assert decide.retry_parked(parked._replace(blob=None), BOB, None, None, NOW) is None
        assert decide.retry_parked(parked, EVE, None, None, NOW) is None
        assert (
            decide.retry_parked(
                message(M.SETTLED, recipient(BOB, R.DELIVERED), blob="b"), BOB, None, None, NOW
            )
            is None
        )

    def test_a_retry_may_go_elsewhere(self) -> None:
        parked = message(M.SETTLED, recipient(BOB, R.PARKED), blob="blob-1")
        entry = decide.retry_parked(parked, BOB, EVE, "other", NOW)
        assert entry is not None
        assert (entry.destination, entry.target) == (EVE, "other")

    @pytest.mark.parametrize("elsewhere", [(EVE, None), (None, "other")])
    def test_a_retry_regards_the_copies_of_its_mail_unless_it_goes_elsewhere(
        self, elsewhere: tuple[str | None, str | None]
    ) -> None:
        parked = message(M.GONE, recipient(BOB, R.PARKED), blob="blob-1")
        arrived = ClaimView(Claim("m2", done=True))
        delivering = ClaimView(Claim("m2", done=False), M.ROUTED, NOW + 1, R.ATTEMPTING)
        retried_too = ClaimView(Claim("m2", done=False), M.GONE, NOW - 1, R.DEFERRED)
        overdue = ClaimView(Claim("m2", done=False), M.ROUTED, NOW - 1, R.OPEN)
        found = [
            decide.retry_parked(parked, BOB, BOB, None, NOW, view)
            for view in (None, arrived, overdue, delivering, retried_too)
        ]
        assert [each and each.status for each in found] == [R.OPEN, R.SUPPRESSED, R.OPEN, None, None]
        for view in (arrived, delivering):
            entry = decide.retry_parked(parked, BOB, *elsewhere, NOW, view)
            assert entry is not None
            assert entry.status is None
            assert fold(parked, entry).recipients[BOB].status is R.OPEN

    @pytest.mark.parametrize("status", sorted(R))
    def test_only_a_parked_recipient_can_be_discarded(self, status: RecipientStatus) -> None:
        known = message(M.SETTLED, recipient(BOB, status))
        assert (decide.discard_parked(known, BOB, NOW) is not None) == (status is R.PARKED)
        assert decide.discard_parked(known, EVE, NOW) is None


def test_what_an_operator_decided_about_a_mail_for_nobody_holds_when_the_mail_comes_again() -> None:
    reopened = recipient("", R.OPEN, destination=BOB)
    for known in (reopened, recipient("", R.DELIVERED, destination=BOB), recipient("", R.DISCARDED)):
        entry = decide.route(
            message(M.FETCHED, known, blob="blob-1"),
            routed_mail(park_reason="51 Received fields", blob="blob-1"),
            {},
            NOW,
            LEASE,
        )
        assert entry is not None
        found = [(each.status, each.destination) for each in entry.recipients]
        assert found == ([(R.OPEN, BOB)] if known is reopened else [])
