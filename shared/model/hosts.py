"""Limits of providers: connections per host, time between visits, and visits per mailbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HostLimit:
    """The limits of one host, for all processes together. 0 means no limit.

    `connections`: visits at the same time. `spacing`: seconds from the start of one visit to that of the
    next, whatever the mailbox. `interval`: seconds between two visits to the same mailbox.
    """

    connections: int = 0
    spacing: float = 0.0
    interval: float = 0.0

    @property
    def is_shared(self) -> bool:
        """Whether a visit depends on other visits to this host."""
        return self.connections > 0 or self.spacing > 0


@dataclass(frozen=True, slots=True)
class HostLimits:
    """The limits of all hosts: those `named` (in lower case), and `default` for the others."""

    default: HostLimit = HostLimit()
    named: Mapping[str, HostLimit] = field(default_factory=dict)

    def of(self, host: str) -> HostLimit:
        """Return the limits of `host`. An unknown host ("") has none."""
        return self.named.get(host, self.default) if host else HostLimit()

    @property
    def any_shared(self) -> bool:
        """Whether visits to some host depend on one another."""
        return self.default.is_shared or any(each.is_shared for each in self.named.values())

    @property
    def any_spacing(self) -> bool:
        """Whether visits to some host must not begin too close together."""
        return self.default.spacing > 0 or any(each.spacing > 0 for each in self.named.values())


NO_LIMITS = HostLimits()
