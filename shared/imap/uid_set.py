"""Sets of UIDs in compact form (`sequence-set`; RFC 9051, section 9): `1:500,502,510:*`."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LARGEST_UID = 2**32 - 1
LONGEST_SET = 7_500  # octets; RFC 7162, section 4, lets servers refuse command lines above 8,192

_OPEN_END = LARGEST_UID + 1  # what `*` stands for: above every UID, so that no UID is written as `*`
_RANGE = re.compile(rb"([0-9]{1,10})(?::([0-9]{1,10}))?")


@dataclass(frozen=True, slots=True)
class UidSet:
    """Ranges of UIDs, both ends included, ascending, neither overlapping nor touching."""

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, uids: Iterable[int]) -> UidSet:
        """Return the set of these UIDs. Raises ValueError for a number that is no UID."""
        return _merged([(uid, uid) for uid in uids])

    @classmethod
    def span(cls, first: int, last: int | None = None) -> UidSet:
        """Return the set from `first` to `last`, or without an end (`first:*`)."""
        return _merged([(first, last)]) if last is not None else cls(((first, _OPEN_END),))

    @classmethod
    def parse(cls, text: bytes) -> UidSet:
        """Read what a server sent, without `*`. Raises ValueError."""
        found: list[tuple[int, int]] = []
        for each in text.split(b","):
            match = _RANGE.fullmatch(each)
            if match is None:
                raise ValueError("this is no set of UIDs")
            first, last = int(match[1]), int(match[2] or match[1])
            found.append((min(first, last), max(first, last)))
        return _merged(found)

    def __contains__(self, uid: int) -> bool:
        place = bisect_right(self.ranges, uid, key=lambda each: each[0])
        return place > 0 and uid <= self.ranges[place - 1][1]

    def __iter__(self) -> Iterator[int]:
        for first, last in self.ranges:
            yield from range(first, min(last, LARGEST_UID) + 1)

    def __len__(self) -> int:
        return sum(min(last, LARGEST_UID) - first + 1 for first, last in self.ranges)

    @property
    def wire(self) -> bytes:
        """The set as a command has it."""
        return b",".join(map(_written, self.ranges))

    def common(self, other: UidSet) -> UidSet:
        """Return the UIDs that are in both sets."""
        found: list[tuple[int, int]] = []
        ours, theirs = iter(self.ranges), iter(other.ranges)
        one, two = next(ours, None), next(theirs, None)
        while one is not None and two is not None:
            first, last = max(one[0], two[0]), min(one[1], two[1])
            if first <= last:
                found.append((first, last))
            if one[1] < two[1]:
                one = next(ours, None)
            else:
                two = next(theirs, None)
        return UidSet(tuple(found))

    def split(self, most: int, octets: int = LONGEST_SET) -> Iterator[UidSet]:
        """Yield sets of at most `most` UIDs, each written in at most `octets`."""
        piece: list[tuple[int, int]] = []
        count = length = 0
        for first, last in self.ranges:
            while first <= last:
                stop = min(last, first + most - count - 1)
                written = len(_written((first, stop))) + 1
                if piece and (stop < first or length + written > octets):
                    yield UidSet(tuple(piece))
                    piece, count, length = [], 0, 0
                    continue
                piece.append((first, stop))
                count, length, first = count + stop - first + 1, length + written, stop + 1  # noqa: PLW2901 -- the range is used up from its front
        if piece:
            yield UidSet(tuple(piece))


def _merged(ranges: Iterable[tuple[int, int]]) -> UidSet:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if not 1 <= first <= last <= LARGEST_UID:
            raise ValueError(f"{first}:{last} are no UIDs")
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return UidSet(tuple(merged))


def _written(each: tuple[int, int]) -> bytes:
    first, last = each
    if last == _OPEN_END:
        return b"%d:*" % first
    return b"%d" % first if first == last else b"%d:%d" % each
