"""A registry that has some accounts and targets at hand, and a store of it that is empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydantic import SecretStr

from shared.model.account import Account
from shared.model.hosts import NO_LIMITS, HostLimits
from shared.model.sealed import Sealed, SecretName
from shared.model.spec import Kind, Spec
from shared.model.target import Target
from shared.ports.clock import Clock
from shared.ports.store import Changes, Extent, SpecChange, SpecFilter
from shared.runtime.registry import Registry
from tests.fakes.clock import ManualClock


class EmptyRegistryStore:
    """The port `RegistryStore` with nothing in it, and a revision that a test may set."""

    def __init__(self) -> None:
        self.revision = 0
        self.extent = Extent()
        self.found: dict[tuple[Kind, str], Spec] = {}
        self.changed: frozenset[tuple[Kind, str]] | None = frozenset()
        self.asked: list[tuple[Kind, tuple[str, ...]]] = []

    async def registry_extent(self) -> Extent:
        return self.extent

    async def registry_revision(self) -> int:
        return self.revision

    async def changes_since(self, revision: int, limit: int) -> Changes:
        return Changes(self.revision, self.changed if self.revision > revision else frozenset())

    async def specs(self, kind: Kind, ids: Sequence[str]) -> Sequence[Spec]:
        self.asked.append((kind, tuple(ids)))
        return [self.found[kind, each] for each in ids if (kind, each) in self.found]

    async def list_specs(
        self, kind: Kind, after: str, limit: int, only: SpecFilter = SpecFilter()
    ) -> Sequence[Spec]:
        return []

    async def count_specs(self, kind: Kind, only: SpecFilter = SpecFilter()) -> int:
        return 0

    async def save_specs(self, changes: Sequence[SpecChange], now: float) -> int:
        raise NotImplementedError

    async def remove_specs(self, kind: Kind, expected: Mapping[str, int], now: float) -> int:
        raise NotImplementedError

    async def forget_removed(self, limit: int, now: float) -> Sequence[str]:
        raise NotImplementedError


class OpenBox:
    """The port `SecretBox` without secrecy."""

    def seal(self, name: SecretName, secret: SecretStr) -> Sealed:
        return Sealed("open", ":".join((*name, secret.get_secret_value())).encode())

    def open(self, name: SecretName, sealed: Sealed) -> SecretStr:
        return SecretStr(sealed.data.decode().removeprefix(":".join(name) + ":"))


def registry_of(
    accounts: Iterable[Account] = (),
    targets: Iterable[Target] = (),
    *,
    clock: Clock | None = None,
    hosts: HostLimits = NO_LIMITS,
) -> Registry:
    """Return a registry with these at hand."""
    accounts = [*accounts]
    store = EmptyRegistryStore()
    registry = Registry(store, OpenBox(), clock or ManualClock(), {}, hosts)
    keep(registry, accounts, targets)
    tenants = {each.tenant for each in accounts}
    registry.extent = Extent(sum(each.enabled for each in accounts), len(tenants) > 1)
    return registry


def keep(registry: Registry, accounts: Iterable[Account] = (), targets: Iterable[Target] = ()) -> None:
    """Put accounts and targets at hand, as if they had been read."""
    for account in accounts:
        registry.accounts.put(account.id, account)
        registry.tenants.put(account.tenant, None)
        if account.target not in registry.targets:
            registry.targets.put(account.target, None)
    for target in targets:
        registry.targets.put(target.name, target)
