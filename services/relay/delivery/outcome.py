"""What a target's answer means for a recipient: delivered, deferred or parked.

Only definite success and definite refusal are final; everything else is tried again. A refused recipient may
be unknown at the target: then the mail goes to the postmaster instead, where the account has one. A rule of
the target's goes before all that; only a rule can have a mail discarded.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.relay.delivery.backoff import RetryPolicy
from shared.contract.journal import RecipientOutcome
from shared.custody.state import Recipient
from shared.model.errors import Fault, MailferryError, quoted
from shared.model.message import RecipientStatus
from shared.model.refusal import Action, RefusalRule, ruled
from shared.smtp.envelope import Phase, RecipientReply
from shared.smtp.errors import ConnectionLost, RefusedHere, Unsendable
from shared.smtp.excess import says_too_many_recipients
from shared.smtp.reply import Reply
from shared.smtp.unknown import says_unknown

NOT_ABOUT_THE_MAIL = frozenset({502, 503, 504, 521, 530, 534, 535, 538})
"""Refusals of the session: a command out of order, a login or TLS that is missing, a host that takes no mail.
Somebody has to repair something, and then the same mail passes.
"""
NO_CODE = ""
_DELIVERED = RecipientStatus.DELIVERED


class Unforeseen(MailferryError):
    """An attempt met a mistake in Mailferry; how far the mail had come by then is not known."""

    fault = Fault.OURS


@dataclass(frozen=True, slots=True)
class Circumstances:
    """All that counts besides the answer: the account's `postmaster`, if any, the target's `rules`; times in
    seconds since the epoch.
    """

    retry: RetryPolicy
    postmaster: str | None
    first_fetched_at: float
    now: float
    chance: float
    rules: tuple[RefusalRule, ...] = ()


def from_reply(recipient: Recipient, answer: RecipientReply, around: Circumstances) -> RecipientOutcome:
    """What the reply that decided about `recipient` means."""
    reply = answer.reply
    if reply.positive:
        return delivered(recipient, reply)
    return _refused(recipient, reply, _usual_action(reply, answer.phase), around)


def delivered(recipient: Recipient, reply: Reply) -> RecipientOutcome:
    """The target has the mail, and said so in `reply`."""
    return _outcome(recipient, _DELIVERED, reply)


def from_error(recipient: Recipient, error: MailferryError, around: Circumstances) -> RecipientOutcome:
    """What an attempt that ended without a reply about `recipient` means."""
    if isinstance(error, RefusedHere):
        return _refused(recipient, error.reply, Action.PARK, around)
    if isinstance(error, Unsendable):
        return _unsendable(recipient, error)
    in_doubt = isinstance(error, Unforeseen) or (isinstance(error, ConnectionLost) and error.after_content)
    return _deferred(recipient, NO_CODE, quoted(str(error)), around, in_doubt=in_doubt)


def _usual_action(reply: Reply, phase: Phase) -> Action:
    """What is done about a refusal that no rule speaks of: only what is definite is final."""
    if reply.severity != 5 or reply.code in NOT_ABOUT_THE_MAIL or says_too_many_recipients(reply):
        return Action.RETRY
    return Action.POSTMASTER if phase is Phase.RCPT and says_unknown(reply) else Action.PARK


def _refused(recipient: Recipient, reply: Reply, usual: Action, around: Circumstances) -> RecipientOutcome:
    action = ruled(around.rules, reply.code, reply.enhanced) or usual
    if action is Action.POSTMASTER and around.postmaster in (None, recipient.destination):
        action = Action.PARK if reply.severity == 5 else Action.RETRY
    match action:
        case Action.POSTMASTER:
            return _to_postmaster(recipient, reply, around)
        case Action.RETRY:
            return _deferred(recipient, code(reply), reply.text, around)
        case Action.PARK:
            return _outcome(recipient, RecipientStatus.PARKED, reply)
        case Action.DISCARD:
            return _outcome(recipient, RecipientStatus.DISCARDED, reply)


def code(reply: Reply) -> str:
    """The enhanced status code, or else the reply code."""
    enhanced = reply.enhanced
    return enhanced.text if enhanced else str(reply.code)


def _outcome(recipient: Recipient, status: RecipientStatus, reply: Reply) -> RecipientOutcome:
    return RecipientOutcome(
        address=recipient.address,
        status=status,
        code=code(reply),
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
    recipient: Recipient, status_code: str, text: str, around: Circumstances, *, in_doubt: bool = False
) -> RecipientOutcome:
    next_attempt_at = around.retry.next_attempt(
        attempt=recipient.attempt,
        first_fetched_at=around.first_fetched_at,
        now=around.now,
        chance=around.chance,
    )
    return RecipientOutcome(
        address=recipient.address,
        status=RecipientStatus.PARKED if next_attempt_at is None else RecipientStatus.DEFERRED,
        code=status_code,
        text=text,
        destination=recipient.destination,
        next_attempt_at=next_attempt_at,
        in_doubt=in_doubt,
    )


def _to_postmaster(recipient: Recipient, reply: Reply, around: Circumstances) -> RecipientOutcome:
    assert around.postmaster is not None
    return RecipientOutcome(
        address=recipient.address,
        status=RecipientStatus.DEFERRED,
        code=code(reply),
        text=reply.text,
        destination=around.postmaster,
        next_attempt_at=around.now,
    )


def not_yet_parked(
    outcome: RecipientOutcome, error: MailferryError, around: Circumstances
) -> RecipientOutcome:
    """The same outcome, unless it is to be parked and `error` kept the raw mail from being stored: then
    deferred.
    """
    if outcome.status is not RecipientStatus.PARKED:
        return outcome
    return outcome.model_copy(
        update={
            "status": RecipientStatus.DEFERRED,
            "next_attempt_at": around.now + around.retry.delays[0],
            "text": f"{outcome.text}; to be parked, but {quoted(str(error))}",
        }
    )
