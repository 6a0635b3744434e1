"""Tenants, targets and accounts as one person or token may see and change them; each change is audited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.access import Permission, Principal, permissions_of
from shared.access.roles import OPERATOR_KEYS, OWNER_KEYS
from shared.config.object_keys import InvalidObject
from shared.model.errors import MailferryError
from shared.model.spec import Kind, Manager
from shared.operations.address_guard import guarded
from shared.operations.app_guard import check_app
from shared.operations.context import OperatorContext
from shared.operations.objects import Actor, Objects, Page, Shown
from shared.operations.people import Doer, GrantRefused, record, record_additions
from shared.ports.store import SpecFilter


@dataclass(frozen=True, slots=True)
class PermittedObjects:
    """The objects, for `principal`. Whether it may do a thing to a tenant's objects at all was decided before
    (`access_to`); here is what depends on the object.
    """

    context: OperatorContext
    objects: Objects
    principal: Principal
    doer: Doer

    async def list(self, kind: Kind, tenant: str | None, after: str, limit: int) -> Page:
        """Return up to `limit` objects of a tenant, or of all, by id."""
        if self.principal.accounts:
            return await self._own(after, limit)
        return await self.objects.list(kind, SpecFilter(tenant=tenant), after=after, limit=limit)

    async def list_tenants(self, after: str, limit: int) -> Page:
        """Return the tenants that the principal belongs to, or all."""
        if self.principal.tenant is None:
            return await self.objects.list(Kind.TENANT, after=after, limit=limit)
        own = SpecFilter(tenant=self.principal.tenant)
        return await self.objects.list(Kind.TENANT, own, after=after, limit=limit)

    async def show(self, kind: Kind, name: str) -> Shown:
        """Return an object. Raises `NotThere`."""
        return await self.objects.show(kind, name)

    async def add(self, kind: Kind, keys: Mapping[str, Any]) -> Shown:
        """Add an object. Raises what `Objects.add` does."""
        given = await self.allowed_keys(kind, keys)
        added = await self.objects.add(kind, given, self.actor)
        await self._record("add", added, after=keys)
        return added

    async def add_all(
        self, kind: Kind, tenant: str, many: Sequence[Mapping[str, Any]]
    ) -> Sequence[str | MailferryError]:
        """Add objects of a tenant; return for each its id, or why it was not added (what `add` raises).

        One that is refused does not hold up the others.
        """
        given = [await self._allowed_or_refusal(kind, keys) for keys in many]
        allowed = [each for each in given if not isinstance(each, MailferryError)]
        added = iter(await self.objects.add_all(kind, allowed, self.actor))
        results = [each if isinstance(each, MailferryError) else next(added) for each in given]
        new = {name: keys for name, keys in zip(results, many, strict=True) if isinstance(name, str)}
        await record_additions(self.context, self.doer, f"{kind.value}.add", new, tenant)
        return results

    async def check_all(
        self,
        kind: Kind,
        many: Sequence[Mapping[str, Any]],
        planned: int,
        targets: Sequence[Mapping[str, Any]],
    ) -> Sequence[str | MailferryError]:
        """Return what `add_all` would; nothing is written. `planned`, `targets`: see `Additions.check`."""
        given = [await self._allowed_or_refusal(kind, keys) for keys in many]
        allowed = [each for each in given if not isinstance(each, MailferryError)]
        found = iter(
            await self.objects.check_all(kind, allowed, self.actor, planned=planned, targets=targets)
        )
        return [each if isinstance(each, MailferryError) else next(found) for each in given]

    async def _allowed_or_refusal(
        self, kind: Kind, keys: Mapping[str, Any]
    ) -> Mapping[str, Any] | MailferryError:
        try:
            return await self.allowed_keys(kind, keys)
        except (GrantRefused, InvalidObject) as refusal:
            return refusal

    async def change(self, kind: Kind, name: str, keys: Mapping[str, Any], expected: int | None) -> Shown:
        """Change the named keys of an object; None removes one.

        Raises what `Objects.change` does, and `GrantRefused` for keys that are not an owner's to change.
        """
        before = await self.objects.show(kind, name)
        given = await self.allowed_keys(kind, keys, before.keys)
        changed = await self.objects.change(kind, name, given, self.actor, expected=expected)
        was = {key: before.keys.get(key) for key in keys}
        await self._record("change", changed, before=was, after=keys)
        return changed

    async def remove(self, kind: Kind, name: str, expected: int | None, *, force: bool = False) -> None:
        """Remove an object. Raises what `Objects.remove` does."""
        before = await self.objects.show(kind, name)
        await self.objects.remove(kind, name, expected=expected, force=force)
        await self._record("remove", before, before=before.keys)

    async def allowed_keys(
        self, kind: Kind, keys: Mapping[str, Any], before: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Return the keys that the principal gives, with the rule about addresses (`guarded`). `before` are
        those of the object that is changed, or None for a new one.

        Raises `GrantRefused` for keys that are not his to set, and for apps that are not his to use.
        """
        if Permission.ACCOUNTS_WRITE not in permissions_of(self.principal):
            _check_owner_keys(kind, keys)
        if self.principal.tenant is not None and (found := sorted(OPERATOR_KEYS & keys.keys())):
            raise GrantRefused(f"only an operator may set {', '.join(found)}")
        inherited = self.objects.defaults if before is None else before
        await check_app(self.context.oauth.apps, self.principal, kind, keys, inherited)
        is_new = before is None
        return await guarded(self.context.registry.store, self.principal, kind, keys, is_new=is_new)

    @property
    def actor(self) -> Actor:
        """Who changes objects, for the registry."""
        return Actor(Manager.API, self.doer.name)

    async def _own(self, after: str, limit: int) -> Page:
        """The accounts of an owner, which are few."""
        names = sorted(each for each in self.principal.accounts if each > after)
        there = await self.context.registry.store.specs(Kind.ACCOUNT, names[: limit + 1])
        found: Sequence[str] = sorted(each.id for each in there if each.removed_at is None)
        shown = [await self.objects.show(Kind.ACCOUNT, name) for name in found[:limit]]
        return Page(shown, names[limit - 1] if len(names) > limit else None)

    async def _record(
        self,
        action: str,
        shown: Shown,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        what = f"{shown.kind.value}.{action}"
        tenant = shown.tenant or None
        await record(self.context, self.doer, what, shown.id, tenant, before=before, after=after)


def _check_owner_keys(kind: Kind, keys: Mapping[str, Any]) -> None:
    others = sorted(set(keys) - OWNER_KEYS)
    if kind is not Kind.ACCOUNT or others:
        raise GrantRefused(f"not yours to change: {', '.join(others)}")
