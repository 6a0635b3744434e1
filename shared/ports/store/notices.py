"""Which notices were sent, so that no process sends one twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.ports.store.operator_queries import Parked


class Notices(Protocol):
    """A notice tells what was parked up to a moment: seconds since the epoch."""

    async def notices(self) -> Mapping[str, float]:
        """Up to which moment each notice, by its name, has told."""
        ...

    async def claim_notice(self, name: str, known: float | None, until: float) -> bool:
        """From now on the notice has told up to `until`. False, and nothing changes, where somebody else was
        faster: it had not told up to `known` (None: never).
        """
        ...

    async def parked_tenants(self) -> Mapping[str, float]:
        """When the latest of each tenant's parked recipients was parked."""
        ...

    async def parked_between(
        self, after: float, until: float, limit: int, tenant: str | None = None
    ) -> Sequence[Parked]:
        """Those parked after `after` and not later than `until`, of one tenant or all; the oldest first."""
        ...
