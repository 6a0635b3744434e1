"""Mails that could not be read.

They are read again after growing pauses, and after all other mails, so that none of them blocks another. They
are reported as long as they are listed, and never deleted. A mail that was refused together with all others
is not to blame: the next visit asks for it again, after the others. When a connection breaks, it is a guess
which mail is to blame. So such a mail is read again at once the first time, only last. The read failures of
an account are stored with its schedule, for whichever process visits it next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shared.model.backoff import Backoff
from shared.model.duration import written
from shared.model.errors import quoted
from shared.model.mailbox import Listing
from shared.model.message import LedgerKey
from shared.model.read_failure import ReadFailure, ReadFailureKind

FIRST_PAUSE = 300.0
BUSY_PAUSE = 3600.0
"""The longest pause where the server gave a reason that is about the moment, and not about the mail."""
LONGEST_PAUSE = 86_400.0
MINUTE = 60.0
MOST = 200
MOST_NAMED = 3
_AT_ONCE = frozenset({ReadFailureKind.BROKEN, ReadFailureKind.CUT})


class ReadFailures:
    """The read failures of one account during a visit."""

    def __init__(self, known: Iterable[ReadFailure] = ()) -> None:
        self._by_key = {each.key: each for each in known}

    def all(self) -> tuple[ReadFailure, ...]:
        """Return what is to be stored: at most `MOST`, those that are due latest."""
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

    def find(self, key: LedgerKey) -> ReadFailure | None:
        """Return the failure of one mail, if there was one."""
        return self._by_key.get(key)

    @property
    def cut(self) -> frozenset[str]:
        """The names of mails to be read by their size: every other time, as the size may be what is wrong."""
        cut = [each for each in self._by_key.values() if each.kind is ReadFailureKind.CUT]
        return frozenset(each.key.uid for each in cut if each.times % 2 == 1)

    def record(
        self,
        key: LedgerKey,
        kind: ReadFailureKind,
        reason: str,
        now: float,
        octets: int = 0,
        longest: float = LONGEST_PAUSE,
    ) -> None:
        """Record that a mail could not be read. It is read again after `longest` seconds at most."""
        known = self._by_key.pop(key, None)
        times = known.times + 1 if known else 1
        again_at = now + min(_pause(kind, times), longest)
        self._by_key[key] = ReadFailure(key, kind, times, again_at, octets, reason)

    def record_oversize(self, key: LedgerKey, octets: int, max_size: int, now: float) -> None:
        """Record that a mail is larger than the account takes, and stays at its source."""
        reason = f"it has {octets} octets, max_size is {max_size}"
        self._by_key[key] = ReadFailure(key, ReadFailureKind.OVERSIZE, 1, now, octets, reason)

    def forget(self, key: LedgerKey) -> None:
        """Forget the failure of a mail that was read after all."""
        if self._by_key:
            self._by_key.pop(key, None)

    def sentences(self, keys: Sequence[LedgerKey], now: float) -> list[str]:
        """Return sentences about mails that are not read in this visit; of many, only the first ones are
        named.
        """
        sentences = [_sentence(each, now) for key in keys if (each := self._by_key.get(key))]
        return (
            [*sentences[:MOST_NAMED], f"and {len(sentences) - MOST_NAMED} more mails"]
            if len(sentences) > MOST_NAMED
            else sentences
        )


def is_due(failure: ReadFailure, now: float) -> bool:
    """Return whether the mail is read again now.

    A time further ahead than the longest pause was given by a wrong clock, and does not count.
    """
    return not now < failure.again_at <= now + LONGEST_PAUSE


def _pause(kind: ReadFailureKind, times: int) -> float:
    doublings = times - 1
    if kind in _AT_ONCE:
        if times == 1:
            return 0.0
        doublings = times - 2
    return Backoff(FIRST_PAUSE, LONGEST_PAUSE).pause(doublings)


def _sentence(failure: ReadFailure, now: float) -> str:
    times = "once" if failure.times == 1 else f"{failure.times} times"
    minutes = max(1, round((failure.again_at - now) / MINUTE))
    when = f"in {written(minutes * MINUTE)}" if failure.again_at > now else "by the next visit"
    return f"mail {quoted(failure.name, 80)} was tried {times} and is tried again {when}: {failure.reason}"
