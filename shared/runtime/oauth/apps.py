"""The apps that can be used: those of the configuration, and those that are kept in the database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from shared.model.errors import MailferryError, quoted
from shared.model.oauth import Flow, grant_tenant
from shared.model.sealed import SecretName
from shared.oauth.answers import AppBroken, RetryLater
from shared.oauth.app import LOOPBACK_REDIRECT, OAuthApp
from shared.oauth.providers import PRESETS, Provider, UnfitDiscovery, discovered
from shared.ports.clock import Clock
from shared.ports.secret_box import SecretBox
from shared.ports.store import GrantStore
from shared.ports.store.oauth import APP_SECRET_KIND, CLIENT_SECRET, AppState
from shared.runtime.oauth.http import Http, Unreachable

KNOWN_FOR = 60.0
"""Seconds for which the apps of the database are not read again."""
DISCOVERED_FOR = 86400.0
DATABASE = "database"
"""The origin of an app that is kept there."""
REMOVED = "removed"
"""The origin of an app that is there for its grants to be given back alone."""


class AppUnusable(Exception):
    """There is no such app, or its provider cannot be learnt; `failure` says what that means."""

    def __init__(self, failure: AppBroken | RetryLater) -> None:
        super().__init__(failure.sentence)
        self.failure = failure


class Apps:
    """Finds apps by name. One of the configuration goes before one of the database."""

    def __init__(
        self, configured: Mapping[str, OAuthApp], store: GrantStore, box: SecretBox, http: Http, clock: Clock
    ) -> None:
        self.configured = configured
        self._store = store
        self._box = box
        self._http = http
        self._clock = clock
        self._kept: tuple[float, dict[str, OAuthApp]] | None = None
        self._discovered: dict[str, tuple[float, Provider]] = {}

    async def find_for(self, grant: str, name: str) -> tuple[OAuthApp, Provider]:
        """Return the app of a grant, by the grant's id, and its provider.

        Raises `AppUnusable`, also for the app of another tenant, and `StoreUnavailable`.
        """
        app, provider = await self.find(name)
        if not app.serves(grant_tenant(grant)):
            raise AppUnusable(AppBroken(no_app(name)))
        return app, provider

    async def find(self, name: str, *, is_removed: bool = False) -> tuple[OAuthApp, Provider]:
        """Return an app and its provider; with `is_removed` also an app that was removed, to end its grants.

        Raises `AppUnusable` and `StoreUnavailable`.
        """
        app = self.configured.get(name) or (await self._stored()).get(name)
        if app is not None and app.origin == REMOVED and not is_removed:
            app = None
        if app is None:
            raise AppUnusable(AppBroken(no_app(name)))
        return app, app.provider or await self._discover(app)

    async def all(self) -> dict[str, OAuthApp]:
        """Return all apps by name. Raises `StoreUnavailable`."""
        stored = await self._stored()
        return {**{name: app for name, app in stored.items() if app.origin != REMOVED}, **self.configured}

    async def known(self) -> dict[str, OAuthApp]:
        """Return all apps by name, without the secrets of those in the database: no key is needed.

        Raises `StoreUnavailable`.
        """
        states = await self._store.app_states()
        stored = {
            name: app_of_spec(name, state.spec)
            for name, state in states.items()
            if state.spec and state.removed_at is None
        }
        return {**stored, **self.configured}

    async def _stored(self) -> dict[str, OAuthApp]:
        """Return the apps of the database by name, also those that were removed."""
        now = self._clock.monotonic()
        if self._kept is None or now - self._kept[0] > KNOWN_FOR:
            states = await self._store.app_states()
            kept = {name: self._kept_app(state) for name, state in states.items() if state.spec}
            self._kept = now, kept
        return self._kept[1]

    def forget(self) -> None:
        """Read the apps of the database again."""
        self._kept = None

    def _kept_app(self, state: AppState) -> OAuthApp:
        secret = None
        if state.secret is not None:
            name = SecretName(APP_SECRET_KIND, state.name, CLIENT_SECRET)
            secret = self._box.open(name, state.secret)
        app = app_of_spec(state.name, state.spec or "{}")
        return replace(app, client_secret=secret, origin=app.origin if state.removed_at is None else REMOVED)

    async def _discover(self, app: OAuthApp) -> Provider:
        url = app.discovery or ""
        now = self._clock.monotonic()
        known = self._discovered.get(url)
        if known is not None and now - known[0] < DISCOVERED_FOR:
            return known[1]
        try:
            provider = discovered(await self._http.document(url), url)
        except Unreachable as error:
            if known is not None:
                return known[1]
            raise AppUnusable(
                RetryLater(f"The provider's discovery document cannot be read: {error}.")
            ) from error
        except UnfitDiscovery as error:
            raise AppUnusable(AppBroken(str(error))) from error
        self._discovered[url] = now, provider
        return provider


def no_app(name: str) -> str:
    """Return the sentence that there is no such app."""
    return (
        f"There is no OAuth app {quoted(name)}: name it in [[oauth_apps]], or add it with `mailferry oauth "
        "app add`."
    )


def spec_of_app(app: OAuthApp, directory: str | None) -> str:
    """Return an app as JSON, without its secret."""
    return json.dumps(
        {
            "client_id": app.client_id,
            "provider": app.provider.name if app.provider else None,
            "directory": directory,
            "discovery": app.discovery,
            "flow": app.flow.value,
            "scopes": list(app.scopes),
            "redirect": app.redirect,
            "secret_expires_at": app.secret_expires_at,
            "testing": app.testing,
            "tenant": app.tenant,
        }
    )


def _directory(provider: Provider, directory: str | None) -> str | None:
    """Return the directory of a spec. Release 0.4.0 wrote Microsoft's usual one for every provider."""
    known = provider.directories
    return None if known and directory not in known else directory


def app_of_spec(name: str, spec: str) -> OAuthApp:
    """Return the app of a spec, without its secret. Raises `MailferryError`."""
    said = json.loads(spec)
    try:
        provider = PRESETS.get(said.get("provider") or "")
        return OAuthApp(
            name,
            said["client_id"],
            provider.in_directory(_directory(provider, said.get("directory"))) if provider else None,
            Flow(said["flow"]),
            scopes=tuple(said.get("scopes", ())),
            discovery=said.get("discovery"),
            redirect=said.get("redirect") or LOOPBACK_REDIRECT,
            secret_expires_at=said.get("secret_expires_at"),
            testing=bool(said.get("testing")),
            origin=DATABASE,
            tenant=said.get("tenant"),
        )
    except (KeyError, ValueError) as error:
        raise MailferryError(f"The OAuth app {quoted(name)} in the database cannot be understood.") from error
