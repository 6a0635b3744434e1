"""Attempts that take long: their mail is kept from counting as lost, and being fetched again, meanwhile.

A target may let a mail wait in line, take its time for each octet and ten minutes for the last answer
(RFC 5321, section 4.5.3.2.6), and still accept it.
"""

from __future__ import annotations

import structlog

from shared.custody.commands import Attempt
from shared.model.errors import MailferryError
from shared.ports.clock import Clock
from shared.ports.store import RelayStore

PER_LEASE = 4
"""Looks within the time of a lease: it is given anew while half of it is left."""

log = structlog.get_logger("mailferry.relay")


class LeaseExtender:
    """Knows the attempts under way. `lease` is that of their mails, in seconds."""

    def __init__(self, deliveries: RelayStore, clock: Clock, lease: float) -> None:
        self._deliveries = deliveries
        self._clock = clock
        self._lease = lease
        self._under_way: dict[Attempt, float] = {}

    def begun(self, attempt: Attempt) -> None:
        """An attempt is being made; its numbers are those that it was begun with."""
        self._under_way[attempt] = self._clock.monotonic()

    def ended(self, attempt: Attempt) -> None:
        """It is over, whatever it came to."""
        del self._under_way[attempt]

    async def run(self) -> None:
        """Prolong what takes long, until cancelled."""
        while True:
            await self._clock.sleep(self._lease / PER_LEASE)
            await self._prolong()

    async def _prolong(self) -> None:
        long_ago = self._clock.monotonic() - self._lease / PER_LEASE
        slow = [attempt for attempt, since in self._under_way.items() if since <= long_ago]
        if not slow:
            return
        try:
            await self._deliveries.extend_attempts(slow, self._clock.now(), self._lease)
        except MailferryError as error:
            log.warning("attempts not prolonged", count=len(slow), error=error)
