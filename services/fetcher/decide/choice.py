"""Which of the mails that a visit might read it does read: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.fetcher.decide.read_failures import ReadFailures, is_due
from shared.model.errors import quoted
from shared.model.mailbox import Listed
from shared.model.message import LedgerKey
from shared.model.read_failure import ReadFailureKind
from shared.model.reading import Oversize, Reading
from shared.ports.store import LedgerRow

TOLD = 5


class Wanted(NamedTuple):
    """A mail to retrieve; `known` is its ledger row where it was fetched before and its event was lost."""

    entry: Listed
    key: LedgerKey
    known: LedgerRow | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """`fetch` now, in this order; `oversize` stays where it is; `put_off` is not due yet. `risky`: among
    those to be fetched are some at which a visit may break off, the last ones. `more`: a limit left some to
    the next visit.
    """

    fetch: Sequence[Wanted]
    oversize: Sequence[Wanted] = ()
    put_off: Sequence[Wanted] = ()
    risky: bool = False
    more: bool = False


def choose(wanted: Sequence[Wanted], reading: Reading, setbacks: ReadFailures, now: float) -> Choice:
    """Mails that were never tried first; what did not work before comes last, once it is due.

    Sizes are those of the listing, and may be wrong: they are good enough to plan by.
    """
    fetch, risky, oversize, put_off = [], [], [], []
    largest = reading.max_size if reading.oversize is Oversize.LEAVE else 0
    for each in wanted:
        setback = setbacks.of(each.key)
        if 0 < largest < _octets(each, setbacks):
            oversize.append(each)
        elif setback is None or setback.kind is ReadFailureKind.OVERSIZE:
            fetch.append(each)
        elif is_due(setback, now):
            risky.append(each)
        else:
            put_off.append(each)
    ordered = fetch + sorted(risky, key=lambda each: _again_at(each, setbacks))
    within = _within(ordered, reading)
    return Choice(ordered[:within], oversize, put_off, risky=within > len(fetch), more=within < len(ordered))


def left_where_they_are(oversize: Sequence[Wanted], max_size: int) -> str:
    """What to tell about mails that are not fetched for their size."""
    named = ", ".join(f"{quoted(each.entry.uid, 80)} ({each.entry.size} octets)" for each in oversize[:TOLD])
    others = f" and {len(oversize) - TOLD} more" if len(oversize) > TOLD else ""
    return f"left at the source, as max_size is {max_size} octets: {named}{others}"


def _octets(wanted: Wanted, setbacks: ReadFailures) -> int:
    """As listed, or as they were when it was read, if that was more."""
    setback = setbacks.of(wanted.key)
    return max(wanted.entry.size, setback.octets if setback else 0)


def _again_at(wanted: Wanted, setbacks: ReadFailures) -> float:
    setback = setbacks.of(wanted.key)
    return setback.again_at if setback else 0.0


def _within(wanted: Sequence[Wanted], reading: Reading) -> int:
    """How many of the first mails are within the limits of a pass: at least one."""
    room = max(reading.session_limit - reading.mail_limit, 1)
    most_octets = min(reading.max_bytes or reading.session_limit, room)
    count = min(reading.max_messages or len(wanted), len(wanted))
    octets = 0
    for place, each in enumerate(wanted[:count]):
        octets += each.entry.size
        if octets > most_octets:
            return max(place, 1)
    return count
