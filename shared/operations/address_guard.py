"""Which servers people of a tenant may have Mailferry connect to: none in a private network, unless the
tenant is trusted.

The rule is written into each object that they add, or whose server they change (`addresses = "public"`), so
it holds wherever the object is used. An operator may write another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.access import Principal
from shared.model.spec import Kind
from shared.ports.store import RegistryStore

SERVER_KEYS = frozenset({"source", "provider", "url"})
"""The keys that say which server it is."""
PUBLIC = "public"


async def guarded(
    registry: RegistryStore,
    principal: Principal,
    kind: Kind,
    keys: Mapping[str, Any],
    *,
    is_new: bool,
) -> Mapping[str, Any]:
    """Return the keys that the principal gives for an object, with the rule about addresses."""
    if kind is Kind.TENANT or not (is_new or SERVER_KEYS & keys.keys()):
        return keys
    return keys if await may_connect_anywhere(registry, principal) else {**keys, "addresses": PUBLIC}


async def may_connect_anywhere(registry: RegistryStore, principal: Principal) -> bool:
    """Return whether servers that the principal names may be in private networks."""
    if principal.tenant is None:
        return True
    found = await registry.specs(Kind.TENANT, [principal.tenant])
    return any(each.removed_at is None and each.keys.get("trusted") is True for each in found)
