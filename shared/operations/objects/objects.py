"""Objects of the registry are listed, shown, added, changed and removed.

An object that a file manages is refused. Of two changes to what both have seen, the later one is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from shared.config.object_keys import (
    InvalidObject,
    KeyProblem,
    Surroundings,
    absolute,
    checked,
    merged,
    object_id,
    target_ids,
)
from shared.config.settings import DEFAULTS
from shared.config.specs import URL_KEYS, WrittenSpec
from shared.model.errors import MailferryError
from shared.model.spec import Kind, Manager, Spec
from shared.operations.context import OperatorContext
from shared.operations.objects.adding import Actor, Additions, check_references, managed_by_file
from shared.operations.objects.changes import opened, spec_change
from shared.operations.objects.errors import InUse, NotThere
from shared.operations.objects.showing import (
    MOST_IN_PAGE,
    Page,
    Shown,
    quick_problem,
    shown,
    thorough_problem,
)
from shared.ports.clock import Clock
from shared.ports.secret_box import SecretBox
from shared.ports.store import (
    RegistryStore,
    RevisionConflict,
    SecretStore,
    SpecChange,
    SpecFilter,
)

ALL = SpecFilter()
AT_ONCE = 200
"""Objects of one transaction. It holds the registry's lock, so leases of changed accounts wait for it."""
RENAMED = (
    '"{}" cannot be changed: with another id it would be a new account, which fetches all mail that is still '
    "at its source. Add a new one, and remove this one"
)
OTHER_SERVER = (
    '"{}": this is another server than before, and the password is kept; give it again, so that it is sent '
    "nowhere by mistake"
)


@dataclass(frozen=True, slots=True)
class Objects:
    """The operations. `defaults` are those that new accounts inherit; relative paths in them start at
    `base`.
    """

    registry: RegistryStore
    secrets: SecretStore
    box: SecretBox
    clock: Clock
    surroundings: Surroundings
    defaults: Mapping[str, Any] = field(default_factory=dict)
    base: Path = Path("/")

    async def list(self, kind: Kind, only: SpecFilter = ALL, *, after: str = "", limit: int = 100) -> Page:
        """Return up to `limit` objects whose id comes after `after`, by id."""
        limit = max(1, min(limit, MOST_IN_PAGE))
        found = await self.registry.list_specs(kind, after, limit + 1, only)
        page = found[:limit]
        set_at = await self.secrets.secrets_set_at(kind.value, [each.id for each in page])
        objects = [shown(each, set_at, quick_problem(each)) for each in page]
        return Page(objects, page[-1].id if len(found) > limit else None)

    async def show(self, kind: Kind, name: str) -> Shown:
        """Return an object, with every problem that it has. Raises `NotThere`."""
        return await self._shown(await self._there(kind, name))

    async def add(self, kind: Kind, keys: Mapping[str, Any], actor: Actor) -> Shown:
        """Add an object; `keys` may have its secrets in clear. An account inherits the defaults.

        Raises `InvalidObject`, `AlreadyThere`, `ManagedByFile`, `AccountsExhausted` and `RevisionConflict`.
        """
        (result,) = await self.add_all(kind, [keys], actor)
        if isinstance(result, MailferryError):
            raise result
        return await self.show(kind, result)

    async def add_all(
        self,
        kind: Kind,
        many: Sequence[Mapping[str, Any]],
        actor: Actor,
        note_added: Callable[[int], None] = lambda _: None,
    ) -> Sequence[str | MailferryError]:
        """Add objects; return for each its id, or why it was not added (what `add` raises). `note_added` is
        told after each part how many were looked at.

        One that is refused does not hold up the others.
        """
        additions = self._additions()
        results: list[str | MailferryError] = []
        for start in range(0, len(many), AT_ONCE):
            results += await additions.add(kind, many[start : start + AT_ONCE], actor)
            note_added(len(results))
        return results

    async def check_all(
        self,
        kind: Kind,
        many: Sequence[Mapping[str, Any]],
        actor: Actor,
        *,
        planned: int = 0,
        targets: Sequence[Mapping[str, Any]] = (),
    ) -> Sequence[str | MailferryError]:
        """Return what `add_all` would for these objects; nothing is written, see `Additions.check`."""
        return await self._additions().check(kind, many, actor, planned=planned, targets=targets)

    async def change(
        self,
        kind: Kind,
        name: str,
        keys: Mapping[str, Any],
        actor: Actor,
        *,
        expected: int | None = None,
    ) -> Shown:
        """Change the named keys of an object. None removes one; a secret that is not named stays.

        `expected` is the revision that the change was made for. Raises `NotThere`, `ManagedByFile`,
        `InvalidObject` and `RevisionConflict`.
        """
        there, written = await self.written_change(kind, name, keys, actor, expected=expected)
        change = spec_change(written, there, there.managed_by, there.origin, self.box)
        if change is not None:
            await self._save(change)
        return await self.show(kind, name)

    async def prepare_change(
        self, kind: Kind, name: str, keys: Mapping[str, Any], actor: Actor
    ) -> SpecChange | None:
        """Return what `change` would write, None where that is what is there. Raises what `change` does."""
        there, written = await self.written_change(kind, name, keys, actor)
        return spec_change(written, there, there.managed_by, there.origin, self.box)

    async def prepare_addition(self, kind: Kind, keys: Mapping[str, Any], actor: Actor) -> SpecChange:
        """Return what `add` would write. Raises what `add` does."""
        return await self._additions().prepare(kind, keys, actor)

    async def written_change(
        self,
        kind: Kind,
        name: str,
        keys: Mapping[str, Any],
        actor: Actor,
        *,
        expected: int | None = None,
    ) -> tuple[Spec, WrittenSpec]:
        """Return an object as it is, and as it is with the named keys changed. Raises what `change` does."""
        there = await self._there(kind, name)
        _check_changeable(there, expected)
        check_references(kind, name, keys, actor)
        before = {**there.keys, **opened(there, self.box, keys)}
        full = merged(kind, before, absolute(keys, self.base))
        written = await self._checked(kind, full, keys, renamed=name)
        if actor.manager is Manager.API:
            await self._check_server(there, before, written, keys)
        return there, written

    async def enable(self, kind: Kind, name: str, actor: Actor, *, expected: int | None = None) -> Shown:
        """Have an account, or those of a tenant or target, visited and its mail delivered again.

        Raises what `change` does.
        """
        return await self.change(kind, name, {"enabled": None}, actor, expected=expected)

    async def disable(self, kind: Kind, name: str, actor: Actor, *, expected: int | None = None) -> Shown:
        """Have an account, or those of a tenant or target, not visited, and its mail in custody kept, until
        it is enabled again. Raises what `change` does.
        """
        return await self.change(kind, name, {"enabled": False}, actor, expected=expected)

    async def remove(
        self, kind: Kind, name: str, *, expected: int | None = None, force: bool = False
    ) -> None:
        """Remove an object. An account is not visited any more; its mail in custody is finished.

        A target or tenant that is needed is refused without `force`; with it, accounts of a target that is
        gone cannot be used, and say so, and those of a tenant have no limits any more. Raises `NotThere`,
        `ManagedByFile`, `InUse` and `RevisionConflict`.
        """
        there = await self._there(kind, name)
        _check_changeable(there, expected)
        if not force:
            await self._check_unused(kind, name)
        await self.registry.remove_specs(kind, {name: there.revision}, self.clock.now())

    def _additions(self) -> Additions:
        return Additions(self.registry, self.box, self.clock, self.surroundings, self.defaults, self.base)

    async def _there(self, kind: Kind, name: str) -> Spec:
        there = await self._known(kind, name)
        if there is None:
            raise NotThere(kind, name)
        return there

    async def _known(self, kind: Kind, name: str) -> Spec | None:
        found = await self.registry.specs(kind, [name])
        return next((each for each in found if each.removed_at is None), None)

    async def _shown(self, spec: Spec) -> Shown:
        set_at = await self.secrets.secrets_set_at(spec.kind.value, [spec.id])
        around = self.surroundings
        return shown(spec, set_at, thorough_problem(spec, self.box, around.hosts, around.environ))

    async def _checked(
        self, kind: Kind, keys: Mapping[str, Any], judged: Collection[str], renamed: str | None = None
    ) -> WrittenSpec:
        """The spec of these keys; with `renamed`, the id that it has to have."""
        if renamed is not None and (name := object_id(kind, keys)) != renamed:
            key = "name" if name.rpartition("/")[2] != renamed.rpartition("/")[2] else "tenant"
            raise InvalidObject(kind, renamed, [KeyProblem(key, RENAMED.format(key))])
        targets = await self.registry.specs(Kind.TARGET, target_ids(keys)) if kind is Kind.ACCOUNT else ()
        usable = [each.keys for each in targets if each.removed_at is None]
        return checked(kind, keys, usable, self.surroundings, judged)

    async def _check_unused(self, kind: Kind, name: str) -> None:
        if kind is Kind.ACCOUNT:
            return
        only = SpecFilter(target=name) if kind is Kind.TARGET else SpecFilter(tenant=name)
        accounts = await self.registry.count_specs(Kind.ACCOUNT, only)
        targets = 0 if kind is Kind.TARGET else await self.registry.count_specs(Kind.TARGET, only)
        if accounts or targets:
            raise InUse(kind, name, accounts, targets)

    async def _check_server(
        self, there: Spec, before: Mapping[str, Any], written: WrittenSpec, given: Mapping[str, Any]
    ) -> None:
        """Raise `InvalidObject` where a kept secret would be sent to another server than before.

        Whoever may change an account through the API must not learn its password that way.
        """
        kept = [secret for secret in ("password", "token") if before.get(secret) and secret not in given]
        key = URL_KEYS.get(there.kind)
        if not kept or key is None or not written.secrets.get(kept[0]):
            return
        try:
            former = await self._checked(there.kind, before, ())
        except InvalidObject:
            former = None
        same = former is not None and former.host == written.host
        if not same and written.secrets[kept[0]] == SecretStr(before[kept[0]]):
            problem = KeyProblem(kept[0], OTHER_SERVER.format(key))
            raise InvalidObject(there.kind, there.id, [problem])

    async def _save(self, change: SpecChange) -> None:
        await self.registry.save_specs([change], self.clock.now())


def objects_of(context: OperatorContext) -> Objects:
    """Return the operations on the registry of an installation."""
    document = context.configuration.document
    return Objects(
        context.registry.store,
        context.secrets,
        context.registry.box,
        context.clock,
        Surroundings(context.registry.environ, context.configuration.hosts),
        document.data.get(DEFAULTS, {}),
        document.base,
    )


def _check_changeable(there: Spec, expected: int | None) -> None:
    if there.managed_by is Manager.FILE:
        raise managed_by_file(there)
    if expected is not None and expected != there.revision:
        raise RevisionConflict([f"{there.kind.value} {there.id}"])
