"""How many more visits a process may make for each tenant, which is the first part of an account's id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


def tenant_of(account: str) -> str:
    """The tenant of an account, by the account's id."""
    return account.partition("/")[0]


@dataclass(frozen=True, slots=True)
class TenantRoom:
    """`left` visits for the tenants it names, and `default` for each of the others."""

    default: int
    left: Mapping[str, int] = field(default_factory=dict)

    def of(self, tenant: str) -> int:
        """How many more visits the tenant may have."""
        return self.left.get(tenant, self.default)
