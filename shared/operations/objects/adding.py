"""New objects are checked and added, many in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from shared.config.object_keys import (
    InvalidObject,
    Surroundings,
    absolute,
    checked,
    object_id,
    references,
    target_ids,
    with_defaults,
)
from shared.config.specs import WrittenSpec, tenant_limits_of
from shared.model.errors import MailferryError
from shared.model.spec import Kind, Manager, Spec
from shared.operations.objects.changes import spec_change
from shared.operations.objects.errors import AccountsExhausted, AlreadyThere, ManagedByFile
from shared.ports.clock import Clock
from shared.ports.secret_box import SecretBox
from shared.ports.store import RegistryStore, RevisionConflict, SpecChange, SpecFilter, TenantFull


class Actor(NamedTuple):
    """Who changes objects: `origin` names the user of the machine, or of the API."""

    manager: Manager
    origin: str


@dataclass(slots=True)
class _Room:
    """How many accounts a tenant may have, and has."""

    most: int
    count: int


@dataclass(frozen=True, slots=True)
class Additions:
    """Adds objects, see `Objects`."""

    registry: RegistryStore
    box: SecretBox
    clock: Clock
    surroundings: Surroundings
    defaults: Mapping[str, Any]
    base: Path

    async def add(
        self, kind: Kind, many: Sequence[Mapping[str, Any]], actor: Actor
    ) -> list[str | MailferryError]:
        """Add objects in one transaction; return for each its id, or why it was not added.

        Where somebody else adds one of them meanwhile, the others are added one by one.
        """
        return await self._saved(*await self._prepared(kind, many, actor))

    async def check(
        self,
        kind: Kind,
        many: Sequence[Mapping[str, Any]],
        actor: Actor,
        *,
        planned: int = 0,
        targets: Sequence[Mapping[str, Any]] = (),
    ) -> list[str | MailferryError]:
        """Return what `add` would; nothing is written.

        `planned` accounts and the `targets`, by their keys, are counted as if they had been added before.
        """
        _, results = await self._prepared(kind, many, actor, planned, targets)
        return results

    async def prepare(self, kind: Kind, keys: Mapping[str, Any], actor: Actor) -> SpecChange:
        """Return the change that adds an object; nothing is written. Raises what is wrong with it."""
        changes, (result,) = await self._prepared(kind, [keys], actor)
        if isinstance(result, MailferryError):
            raise result
        return changes[result]

    async def _prepared(
        self,
        kind: Kind,
        many: Sequence[Mapping[str, Any]],
        actor: Actor,
        planned: int = 0,
        planned_targets: Sequence[Mapping[str, Any]] = (),
    ) -> tuple[dict[str, SpecChange], list[str | MailferryError]]:
        """The changes that add objects, by id, and for each its id, or why it is not added."""
        full = [self._complete(kind, keys, actor) for keys in many]
        targets = await self._there(Kind.TARGET, [each for keys in full for each in target_ids(keys)])
        there = await self._there(kind, [object_id(kind, keys) for keys in full])
        tenants = {str(object_id(kind, keys)).partition("/")[0] for keys in full}
        rooms = await self._rooms(tenants, kind, planned)
        usable = [*(each.keys for each in targets.values()), *planned_targets]
        results: list[str | MailferryError] = []
        changes: dict[str, SpecChange] = {}
        for keys, given in zip(full, many, strict=True):
            try:
                check_references(kind, object_id(kind, keys), given, actor)
                written = checked(kind, keys, usable, self.surroundings, given)
                _check_new(written, there, changes)
                _check_room(written, rooms)
                change = spec_change(written, None, actor.manager, actor.origin, self.box)
            except MailferryError as error:
                results.append(error)
                continue
            assert change is not None, "nothing was there"
            room = rooms.get(written.tenant)
            changes[written.id] = change if room is None else replace(change, most_in_tenant=room.most)
            results.append(written.id)
        return changes, results

    async def _saved(
        self, changes: Mapping[str, SpecChange], results: list[str | MailferryError]
    ) -> list[str | MailferryError]:
        try:
            if changes:
                await self.registry.save_specs([*changes.values()], self.clock.now())
            return results
        except (RevisionConflict, TenantFull) as refusal:
            if len(changes) == 1:
                told = refused(refusal)
                return [told if isinstance(each, str) else each for each in results]
        saved: dict[str, str | MailferryError] = {}
        for name, change in changes.items():
            (saved[name],) = await self._saved({name: change}, [name])
        return [saved[each] if isinstance(each, str) else each for each in results]

    def _complete(self, kind: Kind, keys: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        """The keys with those that are inherited, and with absolute paths."""
        given = absolute({key: value for key, value in keys.items() if value is not None}, self.base)
        if kind is not Kind.ACCOUNT:
            return given
        inherited = absolute(self.defaults, self.base)
        return with_defaults(given, inherited, trusted=actor.manager is not Manager.API)

    async def _there(self, kind: Kind, names: Sequence[str]) -> dict[str, Spec]:
        found = await self.registry.specs(kind, [*dict.fromkeys(names)]) if names else ()
        return {each.id: each for each in found if each.removed_at is None}

    async def _rooms(self, tenants: set[str], kind: Kind, planned: int) -> Mapping[str, _Room]:
        """The room for accounts of those tenants that have a limit, once `planned` others are added."""
        if kind is not Kind.ACCOUNT:
            return {}
        rooms = {}
        for name, spec in (await self._there(Kind.TENANT, sorted(tenants))).items():
            most = tenant_limits_of(spec).max_accounts
            if most is not None:
                count = await self.registry.count_specs(Kind.ACCOUNT, SpecFilter(tenant=name))
                rooms[name] = _Room(most, count + planned)
        return rooms


def refused(error: RevisionConflict | TenantFull) -> MailferryError:
    """Return why objects were not written, as the operations say it."""
    return AccountsExhausted(error.tenant, error.limit) if isinstance(error, TenantFull) else error


def managed_by_file(spec: Spec) -> ManagedByFile:
    """Return why an object is not changed."""
    return ManagedByFile(spec.kind, spec.id, spec.origin)


def check_references(kind: Kind, name: str, keys: Mapping[str, Any], actor: Actor) -> None:
    """Raise `InvalidObject` where the API names something on this machine."""
    if actor.manager is Manager.API and (found := [*references(kind, keys)]):
        raise InvalidObject(kind, name, found)


def _check_new(written: WrittenSpec, there: Mapping[str, Spec], added: Mapping[str, SpecChange]) -> None:
    known = there.get(written.id)
    if known is not None and known.managed_by is Manager.FILE:
        raise managed_by_file(known)
    if known is not None or written.id in added:
        raise AlreadyThere(written.kind, written.id)


def _check_room(written: WrittenSpec, rooms: Mapping[str, _Room]) -> None:
    """Raise `AccountsExhausted` where the tenant may not have another account; count it otherwise."""
    room = rooms.get(written.tenant)
    if room is None:
        return
    if room.count >= room.most:
        raise AccountsExhausted(written.tenant, room.most)
    room.count += 1
