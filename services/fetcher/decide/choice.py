"""Choose which mails a visit reads."""

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

MOST_NAMED = 5


class Wanted(NamedTuple):
    """A mail to retrieve; `known` is its ledger row where it was fetched before and its event was lost."""

    entry: Listed
    key: LedgerKey
    known: LedgerRow | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What a visit reads.

    `fetch`: mails to read, in this order. `oversize` stay at the source. `postponed` could not be read before
    and are not due yet. `risky`: the last ones of `fetch` could not be read before, so that the visit may
    break off. `more`: a limit leaves some mails to the next visit.
    """

    fetch: Sequence[Wanted]
    oversize: Sequence[Wanted] = ()
    postponed: Sequence[Wanted] = ()
    risky: bool = False
    more: bool = False


def choose(wanted: Sequence[Wanted], reading: Reading, read_failures: ReadFailures, now: float) -> Choice:
    """Choose new mails first; those that could not be read before come last, once they are due.

    Sizes are those of the listing. They may be wrong, but are good enough for planning.
    """
    fetch, risky, oversize, postponed = [], [], [], []
    largest = reading.max_size if reading.oversize is Oversize.LEAVE else 0
    for each in wanted:
        failure = read_failures.find(each.key)
        if 0 < largest < _octets(each, read_failures):
            oversize.append(each)
        elif failure is None or failure.kind is ReadFailureKind.OVERSIZE:
            fetch.append(each)
        elif is_due(failure, now):
            risky.append(each)
        else:
            postponed.append(each)
    ordered = fetch + sorted(risky, key=lambda each: _again_at(each, read_failures))
    within = _count_within_limits(ordered, reading)
    return Choice(
        ordered[:within], oversize, postponed, risky=within > len(fetch), more=within < len(ordered)
    )


def oversize_sentence(oversize: Sequence[Wanted], max_size: int) -> str:
    """Return a sentence about mails that are not fetched because of their size."""
    named = ", ".join(
        f"{quoted(each.entry.uid, 80)} ({each.entry.size} octets)" for each in oversize[:MOST_NAMED]
    )
    others = f" and {len(oversize) - MOST_NAMED} more" if len(oversize) > MOST_NAMED else ""
    return f"left at the source, as max_size is {max_size} octets: {named}{others}"


def _octets(wanted: Wanted, read_failures: ReadFailures) -> int:
    """Return the listed size, or the size when it was read, if that was larger."""
    failure = read_failures.find(wanted.key)
    return max(wanted.entry.size, failure.octets if failure else 0)


def _again_at(wanted: Wanted, read_failures: ReadFailures) -> float:
    failure = read_failures.find(wanted.key)
    return failure.again_at if failure else 0.0


def _count_within_limits(wanted: Sequence[Wanted], reading: Reading) -> int:
    """Return how many of the first mails are within the limits of a visit; at least one."""
    room = max(reading.session_limit - reading.mail_limit, 1)
    most_octets = min(reading.max_bytes or reading.session_limit, room)
    count = min(reading.max_messages or len(wanted), len(wanted))
    octets = 0
    for place, each in enumerate(wanted[:count]):
        octets += each.entry.size
        if octets > most_octets:
            return max(place, 1)
    return count
