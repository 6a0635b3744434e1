"""OAuth apps: how they are doing, and those that are kept in the database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from shared.config.oauth_apps import app_of_keys
from shared.model.errors import Fault, MailferryError, quoted
from shared.model.oauth import REVOKE_FOR, Flow, GrantState, named
from shared.model.sealed import Sealed, SecretName
from shared.oauth.answers import BY_YOU, LATER, AppBroken, Refreshed, meaning, unreachable
from shared.oauth.app import OAuthApp
from shared.oauth.requests import refresh
from shared.oauth.schedule import app_forecasts
from shared.operations.oauth_context import OAuthContext
from shared.ports.store import RevisionConflict
from shared.ports.store.oauth import APP_SECRET_KIND, CLIENT_SECRET, AppState, AppWrite, Removal
from shared.runtime.oauth.apps import AppUnusable, spec_of_app
from shared.runtime.oauth.http import Unreachable

TRIAL = "mailferry-verifies-the-app"
"""A refresh token that nobody has. A provider that knows the app refuses the token and not the app."""


class OAuthFailed(MailferryError):
    """What was asked for could not be done."""

    temporary = False
    fault = Fault.OPERATOR


class AppExists(OAuthFailed):
    """There is an app of this name."""


class AppUnknown(OAuthFailed):
    """There is no app of this name in the database."""


class AppInFile(OAuthFailed):
    """The app is in the configuration file, which goes before the database."""


class AppInUse(OAuthFailed):
    """The app has sign-ins."""


@dataclass(frozen=True, slots=True)
class AppStatus:
    """How an app is doing. `origin` is the file or the database."""

    name: str
    provider: str
    flow: str
    origin: str
    tenant: str | None
    grants: int
    ok: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class AppSettings:
    """An app as it is set. `keys` are those of [[oauth_apps]] without the secret; `revision` is None for one
    of the configuration file.
    """

    status: AppStatus
    keys: Mapping[str, Any]
    has_secret: bool
    revision: int | None


async def app_statuses(context: OAuthContext) -> list[AppStatus]:
    """Return all apps, with what is known of their trouble."""
    now, oauth = context.clock.now(), context.oauth
    states, grants = await oauth.store.app_states(), context.configuration.grants
    found = []
    for app in (await oauth.apps.all()).values():
        problem = states[app.name].problem if app.name in states else None
        found.append(app_status(app, problem, sum(each.app == app.name for each in grants), now))
    return found


def app_status(app: OAuthApp, problem: str | None, grants: int, now: float) -> AppStatus:
    """Return how an app is doing. `problem` is why its provider refuses it, `grants` how many use it."""
    sentences = [each for each in (problem, *(each.sentence for each in app_forecasts(app, now))) if each]
    return AppStatus(
        app.name,
        app.title,
        app.flow.value,
        app.origin,
        app.tenant,
        grants,
        problem is None,
        " ".join(sentences) or "ok",
    )


async def verify_app(context: OAuthContext, name: str) -> str:
    """Ask the provider whether it knows an app and its secret; return a sentence. Raises `OAuthFailed`.

    An app for owners is tried with a refresh token that nobody has.
    """
    oauth = context.oauth
    try:
        app, provider = await oauth.apps.find(name)
    except AppUnusable as error:
        raise OAuthFailed(str(error)) from error
    try:
        if app.flow is not Flow.USER:
            return (
                f"The app {name} needs no owner; `mailferry oauth connect` tries it for one mailbox, as its "
                "rights are granted for mailboxes."
            )
        found = meaning(await oauth.http.post(refresh(app, provider, SecretStr(TRIAL))))
    except Unreachable as error:
        found = unreachable(str(error))
    if isinstance(found, Refreshed) or getattr(found, "error", "") in ("invalid_grant", "invalid_code"):
        return f"{provider.title} knows the app {quoted(name)} and accepts its secret."
    if isinstance(found, AppBroken):
        raise OAuthFailed(found.sentence)
    raise OAuthFailed(found.sentence.replace(LATER, BY_YOU), temporary=True)


def app_keys(state: AppState) -> dict[str, Any]:
    """Return the keys of a kept app as [[oauth_apps]] has them, without its secret."""
    said = json.loads(state.spec or "{}")
    until = said.pop("secret_expires_at", None)
    if until is not None:
        said["secret_expires"] = datetime.fromtimestamp(until, UTC).date().isoformat()
    return {"name": state.name, **{key: value for key, value in said.items() if value}}


async def add_app(context: OAuthContext, keys: Mapping[str, Any], *, replaces: bool = False) -> int:
    """Keep an app in the database, its secret sealed; return its revision.

    `keys` are those of [[oauth_apps]]. With `replaces` it may take the place of one that is kept.

    Raises `InvalidObject`, `AppInFile` and `AppExists`.
    """
    revision = await _put(context, keys, expected=None if replaces else 0)
    if revision is None:
        raise AppExists(f"There is an OAuth app {quoted(str(keys['name']))} already; change it.")
    return revision


async def change_app(context: OAuthContext, name: str, given: Mapping[str, Any], expected: int | None) -> int:
    """Change keys of a kept app; None removes one. Return its new revision.

    A secret that is not given stays. Raises `InvalidObject`, `AppInFile`, `AppUnknown`, and
    `RevisionConflict` where the revision is not the `expected` one.
    """
    state = await kept_app(context, name)
    revision = state.revision if expected is None else expected
    keys = {key: value for key, value in {**app_keys(state), **given}.items() if value is not None}
    drops = "client_secret" in given and given["client_secret"] is None
    changed = await _put(context, keys, drops_secret=drops, expected=revision)
    if changed is None:
        raise RevisionConflict([name])
    return changed


async def remove_app(
    context: OAuthContext, name: str, *, force: bool = False, expected: int | None = None
) -> Removal:
    """Remove an app that is kept in the database.

    With `force` also one that has sign-ins, which are given back. Raises `AppInFile`, `AppUnknown`,
    `AppInUse`, and `RevisionConflict`.
    """
    await kept_app(context, name)
    oauth, now = context.oauth, context.clock.now()
    ended = (GrantState.REVOKING, GrantState.REVOKED)
    using = [each for each in await oauth.store.grants() if each.app == name and each.state not in ended]
    if using and not force:
        raise AppInUse(
            f"The app {quoted(name)} has {len(using)} sign-ins, for example that of {named(using[0].id)}. "
            "Remove these accounts first, or use --force to give the sign-ins back."
        )
    removal = await oauth.store.remove_app(name, now, now + REVOKE_FOR, expected)
    oauth.apps.forget()
    if removal is None:
        raise RevisionConflict([name])
    return removal


async def kept_app(context: OAuthContext, name: str) -> AppState:
    """Return an app that is kept in the database. Raises `AppInFile` and `AppUnknown`."""
    _refuse_of_file(context, name)
    state = (await context.oauth.store.app_states()).get(name)
    if state is None or state.spec is None or state.removed_at is not None:
        raise AppUnknown(f"There is no OAuth app {quoted(name)} in the database.")
    return state


async def _put(
    context: OAuthContext, keys: Mapping[str, Any], expected: int | None, *, drops_secret: bool = False
) -> int | None:
    app, directory = app_of_keys(keys)
    _refuse_of_file(context, app.name)
    spec, secret = spec_of_app(app, directory), _sealed(context, app)
    write = AppWrite(app.name, spec, secret, drops_secret, expected)
    revision = await context.oauth.store.put_app(write, context.clock.now())
    context.oauth.apps.forget()
    return revision


def _refuse_of_file(context: OAuthContext, name: str) -> None:
    if name in context.configuration.oauth_apps:
        origin = context.configuration.document.origin
        raise AppInFile(f"The app {quoted(name)} is in {origin}: change or remove it there.")


def _sealed(context: OAuthContext, app: OAuthApp) -> Sealed | None:
    if app.client_secret is None:
        return None
    return context.oauth.box.seal(SecretName(APP_SECRET_KIND, app.name, CLIENT_SECRET), app.client_secret)
