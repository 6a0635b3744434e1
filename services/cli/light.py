"""The colour of an account or a target: white never tried, green working, yellow partly, red failing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.ports.store import AccountState, TargetState

OVERDUE = 300.0


class Colour(StrEnum):
    """White: never tried. Green: it works. Yellow: paused or partly working. Red: it does not work."""

    WHITE = "white"
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Light:
    """A colour, and the sentence that goes with it."""

    colour: Colour
    sentence: str


def account_light(state: AccountState | None, *, enabled: bool, parked: int, now: float) -> Light:
    """The light of an account, `enabled` by the configuration, with `parked` recipients."""
    if not enabled:
        return Light(Colour.YELLOW, "disabled: neither visited nor fetched from")
    if state is None or state.visited_at is None:
        return Light(Colour.WHITE, "never visited")
    if state.failures:
        return Light(Colour.RED, _failing(state))
    if state.problem:
        return Light(Colour.YELLOW, state.problem)
    if state.leased_by is None and now > state.due_at + OVERDUE:
        return Light(Colour.YELLOW, "overdue for a visit; does a fetcher run?")
    if parked:
        return Light(Colour.YELLOW, f"{_counted(parked, 'recipient')} parked")
    return Light(Colour.GREEN, "ok")


def target_light(state: TargetState) -> Light:
    """The light of a target."""
    if state.waiting:
        colour = Colour.RED if state.unanswered == state.waiting else Colour.YELLOW
        return Light(colour, f"{_counted(state.waiting, 'recipient')} to be tried again: {state.text}")
    if state.parked:
        return Light(Colour.YELLOW, f"{_counted(state.parked, 'recipient')} parked")
    return Light(Colour.GREEN, "ok") if state.delivered else Light(Colour.WHITE, "never delivered to")


def _failing(state: AccountState) -> str:
    times = f" ({state.failures} times in a row)" if state.failures > 1 else ""
    return f"{state.problem or 'the last visit failed'}{times}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
