"""The colour of an account or a target, with its sentence: how it is doing, at a glance. Pure.

White: never tried. Green: verified. Yellow: paused, disabled, or working only in part. Red: not reachable, or
the login was refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from shared.ports.store import EVERYTHING, AccountState, FactKind, Outage, Pause, TargetState

OVERDUE = 300.0
WAITS = 10.0
"""Seconds that an account is due before it counts as waiting for a place; fetchers look every five."""
NEVER_VISITED = "never visited"
NEVER_DELIVERED = "never delivered to"
OK = "ok"


class Colour(StrEnum):
    """From never tried to not working."""

    WHITE = "white"
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


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
) -> StatusReport:
    """The light of an account, `enabled` by the configuration, with `parked` recipients; `pause` is what
    holds it, `lost` mails left the source before they were served.
    """
    if not enabled:
        return StatusReport(Colour.YELLOW, "disabled: neither visited nor delivered")
    if pause is not None:
        return StatusReport(Colour.YELLOW, _paused(pause))
    if state is not None and state.failures:
        return StatusReport(Colour.RED, _failing(state))
    reasons = [] if state is None else _reasons(state, now)
    if lost:
        reasons.append(
            f"{_counted(lost, 'mail')} lost at the source before anybody was served: `mailferry lost`"
        )
    if parked:
        reasons.append(_parked(parked))
    if state is None or state.visited_at is None:
        return StatusReport(Colour.WHITE, "; ".join([NEVER_VISITED, *reasons, *_under_way(state, now)]))
    return StatusReport(Colour.YELLOW, "; ".join(reasons)) if reasons else StatusReport(Colour.GREEN, OK)


def target_status(state: TargetState, *, is_here: bool = False) -> StatusReport:
    """The light of a target: red where relays cannot reach it, or no mail that waits for it got an answer.

    Connections that are not encrypted are told of, but are no reason for yellow where the target `is_here`,
    on the same machine.
    """
    light = _plain_target_light(state)
    told = [fact.value.removesuffix(".") for fact in state.facts if fact.kind is not FactKind.RECIPIENTS]
    told += [_few(fact.value) for fact in state.facts if fact.kind is FactKind.RECIPIENTS]
    if not told:
        return light
    yellow = any(_is_warning(fact.kind, is_here=is_here) for fact in state.facts)
    colour = Colour.YELLOW if yellow and light.colour is not Colour.RED else light.colour
    known = [] if colour is not light.colour and light.sentence == OK else [light.sentence]
    return StatusReport(colour, "; ".join([*known, *told]))


def _is_warning(kind: FactKind, *, is_here: bool) -> bool:
    return kind is FactKind.UNVERIFIED or (kind is FactKind.CLEAR and not is_here)


def _few(recipients: str) -> str:
    return f"takes at most {recipients} recipient{'' if recipients == '1' else 's'} at a time"


def _plain_target_light(state: TargetState) -> StatusReport:
    reasons = [] if state.outage is None else [_out_of_reach(state.outage)]
    if state.waiting:
        told = f": {state.text}" if state.text and state.outage is None else ""
        reasons.append(f"{_counted(state.waiting, 'recipient')} to be tried again{told}")
    if state.parked:
        reasons.append(_parked(state.parked))
    if reasons:
        dead = state.outage is not None or 0 < state.waiting <= state.unanswered
        return StatusReport(Colour.RED if dead else Colour.YELLOW, "; ".join(reasons))
    return StatusReport(Colour.GREEN, OK) if state.delivered else StatusReport(Colour.WHITE, NEVER_DELIVERED)


def pause_of(account: str, pauses: Sequence[Pause]) -> Pause | None:
    """The widest of the pauses that hold an account."""
    return min((pause for pause in pauses if pause.holds(account)), key=_width, default=None)


def visitor_of(state: AccountState, now: float) -> str | None:
    """Who visits an account; nobody where the lease is over, as of a fetcher that was killed."""
    return state.leased_by if state.lease_until is not None and now < state.lease_until else None


def _width(pause: Pause) -> tuple[bool, int]:
    return pause.scope != EVERYTHING, len(pause.scope)


def _reasons(state: AccountState, now: float) -> list[str]:
    """Why an account that does not fail works only in part."""
    reasons = [state.problem] if state.problem else []
    if visitor_of(state, now) is None and now > state.due_at + OVERDUE:
        reasons.append("overdue for a visit; does a fetcher run?")
    return reasons


def _under_way(state: AccountState | None, now: float) -> list[str]:
    """Why an account was never visited to the end: its first visit is under way, or waits for a place."""
    if state is None:
        return []
    if visitor_of(state, now) is not None:
        return ["its first visit is under way"]
    waits = state.due_at + WAITS < now <= state.due_at + OVERDUE
    return ["it is due, and waits for a place among the visits"] if waits else []


def _paused(pause: Pause) -> str:
    scope = {EVERYTHING: ", with everything"}.get(pause.scope, "")
    if pause.scope.endswith("/"):
        scope = f", with the tenant {pause.scope.removesuffix('/')}"
    return f"paused since {_moment(pause.since)}{scope}"


def _out_of_reach(outage: Outage) -> str:
    return f"out of reach since {_moment(outage.since)}: {outage.reason}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _failing(state: AccountState) -> str:
    times = f" ({state.failures} times in a row)" if state.failures > 1 else ""
    return f"{state.problem or 'the last visit failed'}{times}"


def _parked(number: int) -> str:
    return f"{_counted(number, 'recipient')} parked"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
