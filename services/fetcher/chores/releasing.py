"""Ends leases in batches: what ends while the last batch is being written is written together."""

from __future__ import annotations

import asyncio

from shared.ports.store import Leases, Release


class Releaser:
    """Hands releases over to the store; there is one write at a time, and nobody waits for company."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._collecting: list[Release] = []
        self._next: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None

    async def release(self, release: Release) -> None:
        """Return when the release is durable. Raises what the store raises, for all of a batch."""
        self._collecting.append(release)
        if self._next is None:
            self._next = asyncio.create_task(self._write(self._writing), name="release")
        await asyncio.shield(self._next)

    async def _write(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        batch, self._collecting = self._collecting, []
        self._writing, self._next = self._next, None
        await self._leases.release(batch)
