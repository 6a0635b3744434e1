"""Extends the leases of mails whose attempt takes long, so that they are not fetched again meanwhile.

A mail may wait for a connection, a target may be slow with each octet and take ten minutes for the last
answer (RFC 5321, section 4.5.3.2.6), and still accept the mail.
"""

from __future__ import annotations

import structlog

from shared.custody.commands import Attempt
from shared.model.errors import MailferryError
from shared.ports.clock import Clock
from shared.ports.store import RelayStore

CHECKS_PER_LEASE = 4
"""Checks in the time of a lease, so that it is extended while half of it is left."""

log = structlog.get_logger("mailferry.relay")


class LeaseExtender:
    """Extends the leases of the running attempts. `lease`: seconds."""

    def __init__(self, deliveries: RelayStore, clock: Clock, lease: float) -> None:
        self._deliveries = deliveries
        self._clock = clock
        self._lease = lease
        self._running: dict[Attempt, float] = {}

    def add_attempt(self, attempt: Attempt) -> None:
        """Note an attempt that has begun, with the attempt numbers that it was begun with."""
        self._running[attempt] = self._clock.monotonic()

    def remove_attempt(self, attempt: Attempt) -> None:
        """Note that an attempt has ended."""
        del self._running[attempt]

    async def run(self) -> None:
        """Extend the leases of long attempts, until cancelled."""
        while True:
            await self._clock.sleep(self._lease / CHECKS_PER_LEASE)
            await self._extend_leases()

    async def _extend_leases(self) -> None:
        started_before = self._clock.monotonic() - self._lease / CHECKS_PER_LEASE
        slow = [attempt for attempt, since in self._running.items() if since <= started_before]
        if not slow:
            return
        try:
            await self._deliveries.extend_attempts(slow, self._clock.now(), self._lease)
        except MailferryError as error:
            log.warning("leases not extended", count=len(slow), error=error)
