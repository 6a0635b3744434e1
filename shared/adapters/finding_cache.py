"""What was found out about recipients, each finding for as long as its kind is believed.

Bounded: what was found first is forgotten first, so that a flood of invented recipients costs the others only
another question.
"""

from __future__ import annotations

from collections import OrderedDict

from shared.ports.clock import Clock
from shared.ports.directory import Existence, Finding

CAPACITY = 50_000
BELIEVED = {Existence.EXISTS: 6 * 3600.0, Existence.MISSING: 300.0, Existence.UNDECIDED: 30.0}
"""Seconds. One who is gone is refused by the target itself, so it does no harm to believe for long that he
exists; one who is new should not lose his mail to the postmaster for long.
"""


class FindingCache:
    """Findings by address."""

    def __init__(self, clock: Clock, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._found: OrderedDict[str, tuple[float, Finding]] = OrderedDict()

    def get(self, address: str) -> Finding | None:
        """The finding about `address`, if it is still believed."""
        found = self._found.get(address)
        if found is None or found[0] <= self._clock.monotonic():
            return None
        return found[1]

    def put(self, address: str, finding: Finding) -> None:
        """Remember a finding from now on."""
        self._found[address] = (self._clock.monotonic() + BELIEVED[finding.standing], finding)
        self._found.move_to_end(address)
        if len(self._found) > self._capacity:
            self._found.popitem(last=False)
