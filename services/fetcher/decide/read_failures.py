"""Mails that could not be read: tried again at growing distance and after all others, so that none of them
blocks another; reported as long as they are listed, and never deleted.

A mail that was refused together with all others has done nothing: the next visit, whose distance grows, asks
for it again, after the others. Which mail is to blame when a connection breaks is a guess, so such a mail is
tried again at once, the first time, and only put last. The setbacks of an account are kept with its schedule,
whichever process visits it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shared.model.duration import written
from shared.model.errors import quoted
from shared.model.mailbox import Listing
from shared.model.message import LedgerKey
from shared.model.read_failure import ReadFailure, ReadFailureKind

FIRST_DISTANCE = 300.0
HASTE_DISTANCE = 3600.0
"""The longest one where the server speaks of the moment, and not of the mail."""
LONGEST_DISTANCE = 86_400.0
MINUTE = 60.0
MOST = 200
TOLD = 3
_AT_ONCE = frozenset({ReadFailureKind.BROKEN, ReadFailureKind.CUT})


class ReadFailures:
    """Those of one account during a visit."""

    def __init__(self, known: Iterable[ReadFailure] = ()) -> None:
        self._by_key = {each.key: each for each in known}

    def all(self) -> tuple[ReadFailure, ...]:
        """To be remembered, at most `MOST`: of more, those that come up latest."""
        if len(self._by_key) <= MOST:
            return tuple(self._by_key.values())
        return tuple(sorted(self._by_key.values(), key=lambda each: each.again_at)[-MOST:])

    def keep_listed(self, listing: Listing) -> None:
        """Forget mails that are no longer there, as far as the listing proves it."""
        if self._by_key and not listing.nameless:
            present = {entry.key for entry in listing.entries}
            self._by_key = {
                key: each for key, each in self._by_key.items() if key in present or not listing.covers(key)
            }

    def of(self, key: LedgerKey) -> ReadFailure | None:
        """That of one mail."""
        return self._by_key.get(key)

    @property
    def cut(self) -> frozenset[str]:
        """The names of mails to be read by their size: every other time, as that may be what is wrong."""
        cut = [each for each in self._by_key.values() if each.kind is ReadFailureKind.CUT]
        return frozenset(each.key.uid for each in cut if each.times % 2 == 1)

    def add(
        self,
        key: LedgerKey,
        kind: ReadFailureKind,
        reason: str,
        now: float,
        octets: int = 0,
        longest: float = LONGEST_DISTANCE,
    ) -> None:
        """A mail could not be read; it is tried again after `longest` seconds at the latest."""
        known = self._by_key.pop(key, None)
        times = known.times + 1 if known else 1
        again_at = now + min(_distance(kind, times), longest)
        self._by_key[key] = ReadFailure(key, kind, times, again_at, octets, reason)

    def leave(self, key: LedgerKey, octets: int, max_size: int, now: float) -> None:
        """A mail is larger than the account takes and stays where it is."""
        reason = f"it has {octets} octets, max_size is {max_size}"
        self._by_key[key] = ReadFailure(key, ReadFailureKind.OVERSIZE, 1, now, octets, reason)

    def overcome(self, key: LedgerKey) -> None:
        """A mail was read after all."""
        if self._by_key:
            self._by_key.pop(key, None)

    def sentences(self, keys: Sequence[LedgerKey], now: float) -> list[str]:
        """What the operator should know about mails that are not tried in this visit; the first in words."""
        told = [_sentence(each, now) for key in keys if (each := self._by_key.get(key))]
        return [*told[:TOLD], f"and {len(told) - TOLD} more mails"] if len(told) > TOLD else told


def is_due(setback: ReadFailure, now: float) -> bool:
    """Whether the mail is tried again; what is put off for longer than is ever done, a clock that was ahead
    has put off.
    """
    return not now < setback.again_at <= now + LONGEST_DISTANCE


def _distance(kind: ReadFailureKind, times: int) -> float:
    doublings = times - 1
    if kind in _AT_ONCE:
        if times == 1:
            return 0.0
        doublings = times - 2
    return min(FIRST_DISTANCE * 2.0 ** min(doublings, 20), LONGEST_DISTANCE)


def _sentence(setback: ReadFailure, now: float) -> str:
    times = "once" if setback.times == 1 else f"{setback.times} times"
    minutes = max(1, round((setback.again_at - now) / MINUTE))
    when = f"in {written(minutes * MINUTE)}" if setback.again_at > now else "by the next visit"
    return f"mail {quoted(setback.name, 80)} was tried {times} and is tried again {when}: {setback.reason}"
