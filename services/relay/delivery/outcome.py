"""Decides what a target's reply means for a recipient: delivered, deferred or parked.

Only definite success and definite refusal are final; everything else is tried again. If the refused recipient
is unknown at the target, the mail goes to the account's postmaster, if it has one. A refusal rule of the
target takes precedence; only a rule can have a mail discarded.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.contract.journal import RecipientOutcome
from shared.contract.topology import second_step
from shared.custody.state import Recipient
from shared.model.errors import Fault, MailferryError, quoted
from shared.model.message import RecipientStatus
from shared.model.refusal import Action, RefusalRule, action_for
from shared.smtp.envelope import Phase, RecipientReply
from shared.smtp.errors import ConnectionLost, RefusedHere, Unsendable
from shared.smtp.reply import Reply, says_too_many_recipients, says_unknown_recipient

NOT_ABOUT_THE_MAIL = frozenset({502, 503, 504, 521, 530, 534, 535, 538})
"""Refusals of the session: bad sequence of commands, login or TLS missing, a host that accepts no mail. Once
the configuration is repaired, the same mail passes.
"""
NO_CODE = ""
HALF = 0.5
_DELIVERED = RecipientStatus.DELIVERED


class InternalError(MailferryError):
    """A bug in Mailferry ended an attempt; whether the target has the mail is not known."""

    fault = Fault.OURS


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`delays` in seconds, one after each failed attempt, the last repeating; an attempt that fails `give_up`
    seconds after the download is the last.
    """

    delays: tuple[float, ...]
    give_up: float

    def next_attempt_at(
        self, *, attempt: int, first_fetched_at: float, now: float, chance: float
    ) -> float | None:
        """Return when to try again after failed attempt number `attempt`; None: give up.

        By chance (0 to 1) half of the mails wait a little longer, so that a target that comes back is not
        overloaded.
        """
        if now >= first_fetched_at + self.give_up:
            return None
        delay = self.delays[min(attempt, len(self.delays)) - 1]
        return now + (delay if chance < HALF else second_step(delay))


@dataclass(frozen=True, slots=True)
class OutcomeContext:
    """What counts besides the reply: the account's `postmaster`, if any, and the target's `rules`; times in
    seconds since the epoch.
    """

    retry: RetryPolicy
    postmaster: str | None
    first_fetched_at: float
    now: float
    chance: float
    rules: tuple[RefusalRule, ...] = ()


def outcome_of_reply(
    recipient: Recipient, answer: RecipientReply, context: OutcomeContext
) -> RecipientOutcome:
    """Return what the reply that decided about `recipient` means."""
    reply = answer.reply
    if reply.positive:
        return delivered_outcome(recipient, reply)
    return _refused(recipient, reply, _default_action(reply, answer.phase), context)


def delivered_outcome(recipient: Recipient, reply: Reply) -> RecipientOutcome:
    """Return the outcome for a recipient whose mail the target accepted with `reply`."""
    return _outcome(recipient, _DELIVERED, reply)


def outcome_of_error(
    recipient: Recipient, error: MailferryError, context: OutcomeContext
) -> RecipientOutcome:
    """Return what an attempt that ended without a reply about `recipient` means."""
    if isinstance(error, RefusedHere):
        return _refused(recipient, error.reply, Action.PARK, context)
    if isinstance(error, Unsendable):
        return _unsendable(recipient, error)
    in_doubt = isinstance(error, InternalError) or (isinstance(error, ConnectionLost) and error.after_content)
    return _deferred(recipient, NO_CODE, quoted(str(error)), context, in_doubt=in_doubt)


def _default_action(reply: Reply, phase: Phase) -> Action:
    """Return the action for a refusal that no rule matches: only a definite refusal is final."""
    if reply.severity != 5 or reply.code in NOT_ABOUT_THE_MAIL or says_too_many_recipients(reply):
        return Action.RETRY
    return Action.POSTMASTER if phase is Phase.RCPT and says_unknown_recipient(reply) else Action.PARK


def _refused(
    recipient: Recipient, reply: Reply, default: Action, context: OutcomeContext
) -> RecipientOutcome:
    action = action_for(context.rules, reply.code, reply.enhanced) or default
    if action is Action.POSTMASTER and context.postmaster in (None, recipient.destination):
        action = Action.PARK if reply.severity == 5 else Action.RETRY
    match action:
        case Action.POSTMASTER:
            return _to_postmaster(recipient, reply, context)
        case Action.RETRY:
            return _deferred(recipient, status_code(reply), reply.text, context)
        case Action.PARK:
            return _outcome(recipient, RecipientStatus.PARKED, reply)
        case Action.DISCARD:
            return _outcome(recipient, RecipientStatus.DISCARDED, reply)


def status_code(reply: Reply) -> str:
    """Return the enhanced status code, or else the reply code."""
    enhanced = reply.enhanced
    return enhanced.text if enhanced else str(reply.code)


def _outcome(recipient: Recipient, status: RecipientStatus, reply: Reply) -> RecipientOutcome:
    return RecipientOutcome(
        address=recipient.address,
        status=status,
        code=status_code(reply),
        text=reply.text,
        destination=recipient.destination,
    )


def _unsendable(recipient: Recipient, error: Unsendable) -> RecipientOutcome:
    return RecipientOutcome(
        address=recipient.address,
        status=RecipientStatus.PARKED,
        code=NO_CODE,
        text=quoted(str(error)),
        destination=recipient.destination,
    )


def _deferred(
    recipient: Recipient, code: str, text: str, context: OutcomeContext, *, in_doubt: bool = False
) -> RecipientOutcome:
    next_attempt_at = context.retry.next_attempt_at(
        attempt=recipient.attempt,
        first_fetched_at=context.first_fetched_at,
        now=context.now,
        chance=context.chance,
    )
    return RecipientOutcome(
        address=recipient.address,
        status=RecipientStatus.PARKED if next_attempt_at is None else RecipientStatus.DEFERRED,
        code=code,
        text=text,
        destination=recipient.destination,
        next_attempt_at=next_attempt_at,
        in_doubt=in_doubt,
    )


def _to_postmaster(recipient: Recipient, reply: Reply, context: OutcomeContext) -> RecipientOutcome:
    assert context.postmaster is not None
    return RecipientOutcome(
        address=recipient.address,
        status=RecipientStatus.DEFERRED,
        code=status_code(reply),
        text=reply.text,
        destination=context.postmaster,
        next_attempt_at=context.now,
    )


def defer_instead_of_park(
    outcome: RecipientOutcome, error: MailferryError, context: OutcomeContext
) -> RecipientOutcome:
    """Return a deferred outcome for a parked one, as `error` prevented storing the raw mail; other outcomes
    stay as they are.
    """
    if outcome.status is not RecipientStatus.PARKED:
        return outcome
    return outcome.model_copy(
        update={
            "status": RecipientStatus.DEFERRED,
            "next_attempt_at": context.now + context.retry.delays[0],
            "text": f"{outcome.text}; to be parked, but {quoted(str(error))}",
        }
    )
