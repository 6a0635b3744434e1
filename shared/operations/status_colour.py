"""The colour of an account or a target, with the sentence that explains it. Pure.

White: never tried. Green: verified. Yellow: paused, disabled, or working only in part. Red: not reachable, or
the login was refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.model.account_condition import OVERDUE, Colour
from shared.model.errors import joined
from shared.operations.wording import counted, minute
from shared.ports.store import EVERYTHING, AccountState, FactKind, Outage, Pause, TargetState

QUEUED_AFTER = 10.0
"""Seconds after its due time from which on an account waits for a free place; fetchers look every five."""
DISABLED = "disabled: neither visited nor delivered"
NEVER_VISITED = "never visited"
NEVER_DELIVERED = "never delivered to"
OK = "ok"


@dataclass(frozen=True, slots=True)
class StatusReport:
    """A colour, and the sentence that goes with it."""

    colour: Colour
    sentence: str


def account_status(
    state: AccountState | None,
    *,
    enabled: bool,
    parked: int,
    now: float,
    pause: Pause | None = None,
    lost: int = 0,
    disabled: str = DISABLED,
) -> StatusReport:
    """Return the status of an account.

    `state` is None where it was never scheduled. `enabled` is what the registry says, and `disabled` what it
    means that it is not; `parked` is the number of its parked recipients, `pause` the pause in force, `lost`
    the number of its mails that left the source before they were delivered.
    """
    if not enabled:
        return StatusReport(Colour.YELLOW, disabled)
    if pause is not None:
        return StatusReport(Colour.YELLOW, _paused(pause))
    if state is not None and state.failures:
        return StatusReport(Colour.RED, _failing(state))
    reasons = [] if state is None else _shortcomings(state, now)
    if lost:
        reasons.append(f"{counted(lost, 'mail')} lost at the source before delivery; see `mailferry lost`")
    if parked:
        reasons.append(_parked(parked))
    if state is None or state.visited_at is None:
        return StatusReport(Colour.WHITE, joined([NEVER_VISITED, *reasons, *_first_visit(state, now)]))
    return StatusReport(Colour.YELLOW, joined(reasons)) if reasons else StatusReport(Colour.GREEN, OK)


def target_status(state: TargetState, *, is_here: bool = False) -> StatusReport:
    """Return the status of a target: red where relays cannot reach it, or where it answered for none of the
    recipients that are to be tried again.

    A connection without encryption makes it yellow, unless the target `is_here`, on the same machine.
    """
    status = _without_facts(state)
    known = [fact.value.removesuffix(".") for fact in state.facts if fact.kind is not FactKind.RECIPIENTS]
    known += [_recipient_limit(fact.value) for fact in state.facts if fact.kind is FactKind.RECIPIENTS]
    if not known:
        return status
    warned = any(_is_warning(fact.kind, is_here=is_here) for fact in state.facts)
    colour = Colour.YELLOW if warned and status.colour is not Colour.RED else status.colour
    replaced = colour is not status.colour and status.sentence == OK
    return StatusReport(colour, joined(known if replaced else [status.sentence, *known]))


def _is_warning(kind: FactKind, *, is_here: bool) -> bool:
    return kind is FactKind.UNVERIFIED or (kind is FactKind.CLEAR and not is_here)


def _recipient_limit(recipients: str) -> str:
    return f"takes at most {recipients} recipient{'' if recipients == '1' else 's'} at a time"


def _without_facts(state: TargetState) -> StatusReport:
    reasons = [] if state.outage is None else [_unreachable(state.outage)]
    if state.waiting:
        answer = f": {state.text}" if state.text and state.outage is None else ""
        reasons.append(f"{counted(state.waiting, 'recipient')} to be tried again{answer}")
    if state.parked:
        reasons.append(_parked(state.parked))
    if reasons:
        dead = state.outage is not None or 0 < state.waiting <= state.unanswered
        return StatusReport(Colour.RED if dead else Colour.YELLOW, joined(reasons))
    return StatusReport(Colour.GREEN, OK) if state.delivered else StatusReport(Colour.WHITE, NEVER_DELIVERED)


def pause_of(account: str, pauses: Sequence[Pause]) -> Pause | None:
    """Return the widest of the pauses that hold an account: everything, then its tenant, then itself."""
    return min((pause for pause in pauses if pause.holds(account)), key=_width, default=None)


def visitor_of(state: AccountState, now: float) -> str | None:
    """Return who visits an account; None where the lease is over, as that of a fetcher that was killed."""
    return state.leased_by if state.lease_until is not None and now < state.lease_until else None


def _width(pause: Pause) -> tuple[bool, int]:
    return pause.scope != EVERYTHING, len(pause.scope)


def _shortcomings(state: AccountState, now: float) -> list[str]:
    """Why an account that does not fail works only in part."""
    reasons = [state.problem] if state.problem else []
    if visitor_of(state, now) is None and now > state.due_at + OVERDUE:
        reasons.append("overdue for a visit; does a fetcher run?")
    return reasons


def _first_visit(state: AccountState | None, now: float) -> list[str]:
    """Whether the first visit of an account is under way, or waits for a free place."""
    if state is None:
        return []
    if visitor_of(state, now) is not None:
        return ["its first visit is under way"]
    is_queued = state.due_at + QUEUED_AFTER < now <= state.due_at + OVERDUE
    return ["it is due, and waits until a fetcher has a free place"] if is_queued else []


def _paused(pause: Pause) -> str:
    scope = {EVERYTHING: ", with everything"}.get(pause.scope, "")
    if pause.scope.endswith("/"):
        scope = f", with the tenant {pause.scope.removesuffix('/')}"
    return f"paused since {minute(pause.since)}{scope}"


def _unreachable(outage: Outage) -> str:
    return f"out of reach since {minute(outage.since)}: {outage.reason}"


def _failing(state: AccountState) -> str:
    times = f" ({state.failures} times in a row)" if state.failures > 1 else ""
    return f"{state.problem or 'the last visit failed'}{times}"


def _parked(number: int) -> str:
    return f"{counted(number, 'recipient')} parked"
