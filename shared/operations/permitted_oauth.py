"""OAuth apps and grants as people of one tenant, or of the service, see them; what is done is audited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.model.oauth import ACCOUNT, TARGET, GrantRef, GrantState
from shared.oauth.app import OAuthApp
from shared.operations.app_guard import AppUse, app_use
from shared.operations.context import OperatorContext
from shared.operations.grant_status import GrantStatus, grant_status
from shared.operations.oauth_apps import (
    AppSettings,
    AppStatus,
    OAuthFailed,
    add_app,
    app_keys,
    app_status,
    change_app,
    remove_app,
    verify_app,
)
from shared.operations.oauth_context import OAuthContext
from shared.operations.oauth_grants import revoke_grant
from shared.operations.people import Doer, record
from shared.operations.permitting import NotVisible
from shared.ports.store.oauth import AppState, Grant
from shared.runtime.oauth.apps import DATABASE, spec_of_app


@dataclass(frozen=True, slots=True)
class FoundGrant:
    """A grant: `kind` and `id` of the account or target that it is for, and how it is doing."""

    kind: str
    id: str
    status: GrantStatus


@dataclass(frozen=True, slots=True)
class AppVerified:
    """Whether the provider accepts an app, as a sentence."""

    ok: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class PermittedOAuth:
    """The apps and grants. Whether `doer` may read or change those of this tenant was decided before
    (`access_to`); `tenant` None means the whole service.
    """

    context: OperatorContext
    doer: Doer

    async def apps(self, tenant: str | None) -> Sequence[AppStatus]:
        """Return the apps that the people of a tenant may name, or all, by name."""
        states, now = await self.context.oauth.store.app_states(), self.context.clock.now()
        shown = await self._apps(tenant)
        problems = {name: state.problem for name, state in states.items()}
        return [app_status(shown[name], problems.get(name), 0, now) for name in sorted(shown)]

    async def app(self, tenant: str | None, name: str) -> AppSettings:
        """Return one of these apps. Raises `NotVisible`."""
        app = (await self._apps(tenant)).get(name)
        if app is None:
            raise NotVisible
        state = (await self.context.oauth.store.app_states()).get(name) or AppState(name, None)
        kept = state if app.origin == DATABASE else replace(state, spec=spec_of_app(app, None))
        return AppSettings(
            app_status(app, state.problem, 0, self.context.clock.now()),
            app_keys(kept),
            has_secret=app.client_secret is not None or state.secret is not None,
            revision=state.revision if app.origin == DATABASE else None,
        )

    async def add(self, keys: Mapping[str, Any]) -> AppSettings:
        """Keep an app in the database. Raises `InvalidObject`, `AppInFile` and `AppExists`."""
        await add_app(self._oauth, keys)
        return await self._written("oauth_app.add", str(keys["name"]), keys)

    async def change(self, name: str, given: Mapping[str, Any], expected: int | None) -> AppSettings:
        """Change keys of a kept app. Raises what `change_app` does."""
        await change_app(self._oauth, name, given, expected)
        return await self._written("oauth_app.change", name, given)

    async def remove(self, name: str, expected: int | None, *, force: bool) -> None:
        """Remove a kept app. Raises what `remove_app` does."""
        await remove_app(self._oauth, name, force=force, expected=expected)
        await record(self.context, self.doer, "oauth_app.remove", name, None)

    async def _written(self, action: str, name: str, given: Mapping[str, Any]) -> AppSettings:
        written = await self.app(None, name)
        await record(self.context, self.doer, action, name, written.status.tenant, after=given)
        return written

    async def verify(self, tenant: str | None, name: str) -> AppVerified:
        """Ask the provider whether it knows one of these apps and its secret. Raises `NotVisible`."""
        if name not in await self._apps(tenant):
            raise NotVisible
        try:
            result = AppVerified(True, await verify_app(self._oauth, name))
        except OAuthFailed as failure:
            result = AppVerified(False, str(failure))
        await record(self.context, self.doer, "oauth_app.verify", name, tenant)
        return result

    async def grants(self, tenant: str, after: str, limit: int) -> Sequence[FoundGrant]:
        """Return up to `limit` grants of a tenant's accounts and targets, by kind and id."""
        found = await self.context.oauth.store.tenant_grants(tenant, after, limit)
        wanted = await self._wanted([each.id for each in found])
        apps, states = await self.context.oauth.apps.all(), await self.context.oauth.store.app_states()
        problems = {name: state.problem for name, state in states.items()}
        return [self._found(grant, wanted.get(grant.id), apps, problems, tenant) for grant in found]

    async def revoke(self, tenant: str, kind: str, name: str) -> str:
        """End the grant of a tenant's account or target, and return a sentence. Raises `NotVisible`."""
        grant = f"{kind}:{tenant}/{name}"
        stored = await self.context.oauth.store.grant(grant)
        if stored is None or stored.grant.state is GrantState.REVOKED:
            raise NotVisible
        ref = GrantRef(grant, stored.grant.app, stored.grant.username, "")
        sentence = await revoke_grant(self._oauth, ref)
        await record(self.context, self.doer, f"{kind}.revoke_grant", f"{tenant}/{name}", tenant)
        return sentence

    async def _apps(self, tenant: str | None) -> Mapping[str, OAuthApp]:
        known = await self.context.oauth.apps.known()
        if tenant is None:
            return known
        return {name: app for name, app in known.items() if app_use(app, tenant) is AppUse.ALLOWED}

    async def _wanted(self, grants: Sequence[str]) -> Mapping[str, GrantRef]:
        """Return what accounts and targets log in by now, by the grant's id, where they are there."""
        names: dict[str, list[str]] = {ACCOUNT: [], TARGET: []}
        for each in grants:
            kind, _, name = each.partition(":")
            names[kind].append(name)
        registry = self.context.registry
        await registry.load(names[ACCOUNT], names[TARGET])
        there = (
            *(registry.accounts.get(name) for name in names[ACCOUNT]),
            *(registry.targets.get(name) for name in names[TARGET]),
        )
        refs = [each.grant for each in there if each is not None and each.grant is not None]
        return {ref.id: ref for ref in refs}

    def _found(
        self,
        grant: Grant,
        wanted: GrantRef | None,
        apps: Mapping[str, OAuthApp],
        problems: Mapping[str, str | None],
        tenant: str,
    ) -> FoundGrant:
        ref = wanted or GrantRef(grant.id, grant.app, grant.username, "")
        app = apps.get(ref.app)
        if app is not None and not app.serves(tenant):
            app = None
        problem = problems.get(ref.app) if app is not None else None
        kind, _, name = grant.id.partition(":")
        return FoundGrant(kind, name, grant_status(ref, grant, app, problem, self.context.clock.now()))

    @property
    def _oauth(self) -> OAuthContext:
        return OAuthContext(self.context.configuration, self.context.oauth, self.context.clock)
