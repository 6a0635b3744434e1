"""The outcome that a target's reply means for a recipient."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.delivery.outcome import (
    OutcomeContext,
    RetryPolicy,
    defer_instead_of_park,
    outcome_of_error,
    outcome_of_reply,
)
from shared.contract.journal import RecipientOutcome
from shared.contract.topology import RETRY_KEY_PREFIX, topology
from shared.custody.state import Recipient
from shared.model.errors import MailferryError
from shared.model.message import RecipientStatus
from shared.model.refusal import Action, CodePattern, RefusalRule, action_for
from shared.smtp.envelope import Phase, RecipientReply
from shared.smtp.errors import ConnectionLost, LoginImpossible, SizeRefused, Unsendable
from shared.smtp.reply import Reply

NOW = 1000.0
POSTMASTER = "postmaster@here.test"
POLICY = RetryPolicy((1.0, 10.0, 100.0), give_up=1000.0)


def recipient(*, attempt: int = 1, destination: str = "bob@here.test") -> Recipient:
    return Recipient(
        address="bob@here.test",
        destination=destination,
        original="bob@here.test",
        reason="accepted",
        status=RecipientStatus.ATTEMPTING,
        target="here",
        attempt=attempt,
    )


def context(
    *, postmaster: str | None = None, first_fetched_at: float = NOW, rules: tuple[RefusalRule, ...] = ()
) -> OutcomeContext:
    return OutcomeContext(RetryPolicy((60.0, 300.0), 86400.0), postmaster, first_fetched_at, NOW, 0.0, rules)


def rule(code: str, action: Action) -> RefusalRule:
    return RefusalRule(CodePattern.parse(code), action)


def outcome(
    code: int,
    text: str = "",
    *,
    phase: Phase = Phase.RCPT,
    to: Recipient | None = None,
    outcome_context: OutcomeContext | None = None,
) -> RecipientOutcome:
    to = to or recipient()
    reply = Reply(code, (text.encode(),))
    return outcome_of_reply(to, RecipientReply(to.destination, reply, phase), outcome_context or context())


def test_a_positive_answer_to_the_content_is_delivery() -> None:
    made = outcome(250, "2.0.0 queued as 42", phase=Phase.CONTENT)
    assert (made.status, made.code) == (RecipientStatus.DELIVERED, "2.0.0")
    assert "queued as 42" in made.text


@pytest.mark.parametrize("phase", list(Phase))
def test_a_temporary_refusal_defers_in_every_phase(phase: Phase) -> None:
    made = outcome(451, "4.7.1 greylisted", phase=phase)
    assert made.status is RecipientStatus.DEFERRED
    assert made.next_attempt_at == NOW + 60


def test_deferrals_follow_the_steps_and_the_last_one_repeats() -> None:
    times = [outcome(450, to=recipient(attempt=n)).next_attempt_at for n in (1, 2, 3, 9)]
    assert times == [NOW + 60, NOW + 300, NOW + 300, NOW + 300]


def test_a_recipient_deferred_for_too_long_is_parked() -> None:
    made = outcome(450, outcome_context=context(first_fetched_at=NOW - 86400))
    assert made.status is RecipientStatus.PARKED
    assert made.next_attempt_at is None


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (550, "5.1.1 no such user"),
        (550, "no such user"),
        (553, "what?"),
        (550, "5.1.10 null MX"),
        (550, "5.4.1 [b@x]: Recipient address rejected: Access denied"),
    ],
)
def test_an_unknown_recipient_goes_to_the_postmaster_at_once(code: int, text: str) -> None:
    made = outcome(code, text, outcome_context=context(postmaster=POSTMASTER))
    assert made.status is RecipientStatus.DEFERRED
    assert (made.destination, made.next_attempt_at) == (POSTMASTER, NOW)


def test_an_unknown_recipient_is_parked_where_there_is_no_postmaster() -> None:
    assert outcome(550, "5.1.1 no such user").status is RecipientStatus.PARKED


def test_mail_for_an_unknown_postmaster_is_parked() -> None:
    to = recipient(destination=POSTMASTER)
    made = outcome(550, "5.1.1 no such user", to=to, outcome_context=context(postmaster=POSTMASTER))
    assert made.status is RecipientStatus.PARKED


@pytest.mark.parametrize("text", ["5.7.1 policy", "5.2.2 mailbox full", "5.3.4 too large"])
def test_a_recipient_refused_for_another_reason_is_not_the_postmasters(text: str) -> None:
    made = outcome(550, text, outcome_context=context(postmaster=POSTMASTER))
    assert made.status is RecipientStatus.PARKED


@pytest.mark.parametrize("phase", [Phase.MAIL, Phase.DATA, Phase.CONTENT])
def test_a_refusal_of_the_mail_itself_parks_it_with_the_targets_words(phase: Phase) -> None:
    made = outcome(
        550, "no such user, says a spam filter", phase=phase, outcome_context=context(postmaster=POSTMASTER)
    )
    assert made.status is RecipientStatus.PARKED
    assert "says a spam filter" in made.text


def test_a_connection_lost_after_the_final_dot_is_in_doubt() -> None:
    made = outcome_of_error(
        recipient(), ConnectionLost("gone", content_begun=True, after_content=True), context()
    )
    assert (made.status, made.in_doubt) == (RecipientStatus.DEFERRED, True)


def test_a_connection_lost_earlier_is_not_in_doubt() -> None:
    assert not outcome_of_error(recipient(), ConnectionLost("gone", content_begun=True), context()).in_doubt


def test_a_mail_that_this_client_refuses_is_parked_with_its_reason() -> None:
    error = SizeRefused("too large", Reply(552, (b"5.3.4 too large",), local=True))
    made = outcome_of_error(recipient(), error, context())
    assert (made.status, made.code) == (RecipientStatus.PARKED, "5.3.4")


def test_a_login_that_fails_is_the_operators_fault_and_costs_no_mail() -> None:
    made = outcome_of_error(recipient(), LoginImpossible("no way to log in"), context())
    assert made.status is RecipientStatus.DEFERRED
    assert "no way to log in" in made.text


def test_a_mail_that_cannot_be_stored_is_not_parked_but_deferred() -> None:
    parked = outcome(554, "5.6.0 spam", phase=Phase.CONTENT)
    made = defer_instead_of_park(parked, MailferryError("the disk is full"), context())
    assert (made.status, made.next_attempt_at) == (RecipientStatus.DEFERRED, NOW + 60)
    assert "spam" in made.text
    assert "the disk is full" in made.text


def test_a_delivered_recipient_stays_delivered_if_the_mail_cannot_be_stored() -> None:
    delivered = outcome(250, phase=Phase.CONTENT)
    assert defer_instead_of_park(delivered, MailferryError("the disk is full"), context()) == delivered


@pytest.mark.parametrize("code", [502, 503, 504, 521, 530, 534, 535, 538])
@pytest.mark.parametrize("phase", [Phase.MAIL, Phase.RCPT])
def test_a_refusal_that_is_not_about_the_mail_is_tried_again(code: int, phase: Phase) -> None:
    assert outcome(code, "5.7.0 log in first", phase=phase).status is RecipientStatus.DEFERRED


def test_a_value_that_no_command_can_carry_parks_the_mail_at_once() -> None:
    made = outcome_of_error(recipient(), Unsendable("the sender has a line end"), context())
    assert (made.status, made.text) == (RecipientStatus.PARKED, "the sender has a line end")


@pytest.mark.parametrize(
    ("action", "status"),
    [
        (Action.RETRY, RecipientStatus.DEFERRED),
        (Action.PARK, RecipientStatus.PARKED),
        (Action.DISCARD, RecipientStatus.DISCARDED),
    ],
)
def test_a_rule_decides_about_the_refusals_that_it_matches_only(
    action: Action, status: RecipientStatus
) -> None:
    outcome_context = context(rules=(rule("550 5.7.*", action),))
    assert outcome(550, "5.7.1 no", outcome_context=outcome_context).status is status
    assert outcome(554, "5.7.1 no", outcome_context=outcome_context).status is RecipientStatus.PARKED
    assert outcome(450, "4.7.1 later", outcome_context=outcome_context).status is RecipientStatus.DEFERRED


def test_a_rule_decides_about_a_mail_that_this_client_refused_itself() -> None:
    error = SizeRefused("too large", Reply(552, (b"5.3.4 too large",), local=True))
    made = outcome_of_error(recipient(), error, context(rules=(rule("552", Action.RETRY),)))
    assert made.status is RecipientStatus.DEFERRED


def test_a_rule_can_send_a_mail_refused_for_its_content_to_the_postmaster() -> None:
    rules = (rule("5.7.*", Action.POSTMASTER),)
    made = outcome(
        554, "5.7.1 spam", phase=Phase.CONTENT, outcome_context=context(postmaster=POSTMASTER, rules=rules)
    )
    assert (made.status, made.destination) == (RecipientStatus.DEFERRED, POSTMASTER)


@pytest.mark.parametrize(("code", "status"), [(554, RecipientStatus.PARKED), (451, RecipientStatus.DEFERRED)])
def test_a_postmaster_that_refuses_a_mail_sent_by_a_rule_does_not_get_it_again(
    code: int, status: RecipientStatus
) -> None:
    rules = (rule("4xx", Action.POSTMASTER), rule("5xx", Action.POSTMASTER))
    to = recipient(destination=POSTMASTER)
    made = outcome(code, to=to, outcome_context=context(postmaster=POSTMASTER, rules=rules))
    assert (made.status, made.destination) == (status, POSTMASTER)


RULES = st.lists(
    st.builds(
        rule, st.sampled_from(["5xx", "550", "550 5.7.*", "5.1.1", "55x"]), st.sampled_from(list(Action))
    ),
    max_size=4,
).map(tuple)


@given(
    st.integers(200, 599),
    st.sampled_from([b"", b"5.7.1 no", b"5.1.1 who?", b"4.7.1 later"]),
    st.sampled_from(Phase),
    RULES,
)
def test_only_a_rule_discards_and_no_rule_applies_to_delivered_mail(
    code: int, text: bytes, phase: Phase, rules: tuple[RefusalRule, ...]
) -> None:
    reply = Reply(code, (text,))
    made = outcome_of_reply(
        recipient(),
        RecipientReply("bob@here.test", reply, phase),
        context(postmaster=POSTMASTER, rules=rules),
    )
    assert (made.status is RecipientStatus.DELIVERED) == reply.positive
    asked_for = action_for(rules, code, reply.enhanced) is Action.DISCARD
    assert (made.status is RecipientStatus.DISCARDED) == (asked_for and not reply.positive)
    assert (made.next_attempt_at is not None) == (made.status is RecipientStatus.DEFERRED)


@given(st.integers(200, 599), st.binary(max_size=50), st.sampled_from(Phase), st.booleans())
def test_only_a_definite_answer_is_final(code: int, text: bytes, phase: Phase, has_postmaster: bool) -> None:
    outcome_context = context(postmaster=POSTMASTER if has_postmaster else None)
    made = outcome_of_reply(
        recipient(), RecipientReply("bob@here.test", Reply(code, (text,)), phase), outcome_context
    )
    if code < 300:
        assert made.status is RecipientStatus.DELIVERED
    elif code < 500:
        assert made.status is RecipientStatus.DEFERRED
    else:
        assert made.status in (RecipientStatus.PARKED, RecipientStatus.DEFERRED)
    assert (made.next_attempt_at is not None) == (made.status is RecipientStatus.DEFERRED)


@given(st.integers(1, 100), st.floats(0, 999), st.floats(0, 1))
def test_half_of_the_retries_come_a_twentieth_later(attempt: int, now: float, chance: float) -> None:
    step = POLICY.delays[min(attempt, 3) - 1]
    at = POLICY.next_attempt_at(attempt=attempt, first_fetched_at=0.0, now=now, chance=chance)
    assert at == now + step + (step // 20 if chance >= 0.5 else 0)


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_the_broker_has_a_step_for_each_retry(delay: int, chance: float) -> None:
    policy = RetryPolicy((float(delay),), give_up=1e12)
    at = policy.next_attempt_at(attempt=1, first_fetched_at=0.0, now=0.0, chance=chance)
    assert at is not None
    assert topology([delay]).retry_key(at) == f"{RETRY_KEY_PREFIX}{at:.0f}"


def test_after_the_last_time_there_is_no_next_attempt() -> None:
    assert POLICY.next_attempt_at(attempt=1, first_fetched_at=0.0, now=1000.0, chance=0.0) is None
    assert POLICY.next_attempt_at(attempt=1, first_fetched_at=0.0, now=999.9, chance=0.0) is not None
