"""Objects as people name them: in full, or without the tenant if that is unique. The registry is asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from shared.config import Configuration
from shared.model.errors import ConfigurationError, Fault, MailferryError, quoted
from shared.model.spec import Kind
from shared.operations.context import OperatorContext, open_context
from shared.operations.objects.errors import NotThere
from shared.ports.store import SpecFilter
from shared.runtime.registry import Kept, Object

SEVERAL = 3
"""Objects of one name that are looked for: enough to say that there are several."""
RELATED = 100
"""Accounts of a target that are read with it, as they tell about whom it can be asked."""


class SeveralOfThisName(MailferryError):
    """Several tenants have an object of this name. `ids` are some of them."""

    temporary = False
    fault = Fault.OPERATOR

    def __init__(self, name: str, ids: Sequence[str]) -> None:
        super().__init__(f'"{quoted(name)}" may be {" or ".join(ids)}; name it with its tenant')
        self.ids = tuple(ids)


def has_database(configuration: Configuration) -> bool:
    """Whether there is a database to ask; a SQLite file is made at the first start."""
    path = configuration.store.sqlite_path
    return path is None or path.exists()


async def find_id(kind: Kind, name: str, context: OperatorContext) -> str:
    """Return the id of the object that is named. Raises `NotThere` and `SeveralOfThisName`."""
    store = context.registry.store
    found = [each.id for each in await store.list_specs(kind, "", SEVERAL, SpecFilter(name=name))]
    if name in found:
        return name
    if len(found) > 1:
        raise SeveralOfThisName(name, found)
    if not found:
        raise NotThere(kind, name)
    return found[0]


async def first_ids(kind: Kind, limit: int, context: OperatorContext) -> list[str]:
    """Return the ids of the first objects of a kind."""
    return [each.id for each in await context.registry.store.list_specs(kind, "", limit)]


async def tenant_has_accounts(tenant: str, context: OperatorContext) -> bool:
    """Whether the registry has an account of this tenant."""
    return await context.registry.store.count_specs(Kind.ACCOUNT, SpecFilter(tenant=tenant)) > 0


async def with_registry(
    configuration: Configuration, accounts: Collection[str], targets: Collection[str] = ()
) -> Configuration:
    """Return the configuration with these accounts and targets in it, also if only the registry has them.

    The database is needed only for what the file does not have. A target comes with some of its accounts.
    Raises `NotThere`, `ConfigurationError` where one cannot be used, and what opening the registry raises.
    """
    missing = [name for name in accounts if name not in configuration.accounts]
    missing_targets = [name for name in targets if name not in configuration.targets]
    if not missing and not missing_targets:
        return configuration
    async with open_context(configuration) as context:
        registry = context.registry
        related: set[str] = set()
        for target in missing_targets:
            page = await registry.store.list_specs(Kind.ACCOUNT, "", RELATED, SpecFilter(target=target))
            related |= {each.id for each in page}
        await registry.load([*missing, *related], missing_targets)
        found = {name: _usable(registry.accounts, Kind.ACCOUNT, name) for name in missing}
        found |= {name: registry.accounts[name] for name in related if name in registry.accounts}
        needed = [*missing_targets, *(found[name].target for name in missing)]
        found_targets = {
            name: _usable(registry.targets, Kind.TARGET, name)
            for name in needed
            if name not in configuration.targets
        }
    return replace(
        configuration,
        accounts={**configuration.accounts, **found},
        targets={**configuration.targets, **found_targets},
    )


def _usable(kept: Kept[Object], kind: Kind, name: str) -> Object:
    if name in kept:
        return kept[name]
    problem = kept.problem(name)
    if problem is None:
        raise NotThere(kind, name)
    raise ConfigurationError([f"{kind.value} {name}: {problem}"])
