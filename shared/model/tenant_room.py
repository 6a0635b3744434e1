"""How many more visits a process may make for each tenant, the first part of an account's id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


def tenant_of(account: str) -> str:
    """Return the tenant of an account, by the account's id."""
    return account.partition("/")[0]


@dataclass(frozen=True, slots=True)
class TenantRoom:
    """How many visits are `left` for the tenants named, and `default` for each other tenant."""

    default: int
    left: Mapping[str, int] = field(default_factory=dict)

    def of(self, tenant: str) -> int:
        """Return how many more visits the tenant may have."""
        return self.left.get(tenant, self.default)
