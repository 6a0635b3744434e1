"""What a provider bears: how many connections to a host, how close together, and how often per mailbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HostLimit:
    """The limits of one host, for all processes together; 0 stands for none.

    `connections`: visits at the same time. `spacing`: seconds from the beginning of one visit to that of the
    next, whichever mailboxes they are to. `interval`: seconds between two visits to the same mailbox.
    """

    connections: int = 0
    spacing: float = 0.0
    interval: float = 0.0

    @property
    def is_shared(self) -> bool:
        """Whether a visit depends on who else visits this host."""
        return self.connections > 0 or self.spacing > 0


@dataclass(frozen=True, slots=True)
class HostLimits:
    """The limits of all hosts: those `named`, by their names in lower case, and `default` for the others."""

    default: HostLimit = HostLimit()
    named: Mapping[str, HostLimit] = field(default_factory=dict)

    def of(self, host: str) -> HostLimit:
        """The limits of `host`. One that is not known, "", has none."""
        return self.named.get(host, self.default) if host else HostLimit()

    @property
    def any_shared(self) -> bool:
        """Whether some host's visits depend on one another."""
        return self.default.is_shared or any(each.is_shared for each in self.named.values())

    @property
    def any_spacing(self) -> bool:
        """Whether visits to some host must not begin too close together."""
        return self.default.spacing > 0 or any(each.spacing > 0 for each in self.named.values())


NO_LIMITS = HostLimits()
