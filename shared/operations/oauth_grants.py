"""How grants and apps are doing, and their end."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from shared.config import Configuration
from shared.model.errors import Fault, MailferryError, quoted
from shared.model.oauth import REVOKE_FOR, Flow, GrantRef, GrantState, named
from shared.model.sealed import SecretName
from shared.model.spec import Kind
from shared.oauth.answers import BY_YOU, LATER, AppBroken, Refreshed, meaning, unreachable
from shared.oauth.app import OAuthApp
from shared.oauth.requests import refresh
from shared.oauth.schedule import DAY, app_forecasts
from shared.operations.grant_status import GrantStatus, grant_status
from shared.operations.oauth_context import OAuthContext
from shared.operations.objects.naming import with_registry
from shared.ports.store.oauth import APP_SECRET_KIND, CLIENT_SECRET
from shared.runtime.oauth.apps import AppUnusable, no_app, spec_of_app
from shared.runtime.oauth.http import Unreachable
from shared.runtime.oauth.refresher import LEASE
from shared.runtime.oauth.revoker import Ending

DAYS = round(REVOKE_FOR / DAY)
BY_OWNER = "The owner can remove the app's access in his account at the provider."
TRIAL = "mailferry-verifies-the-app"
"""A refresh token that nobody has. A provider that knows the app refuses the token and not the app."""


class OAuthFailed(MailferryError):
    """What was asked for could not be done."""

    temporary = False
    fault = Fault.OPERATOR


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


async def grant_statuses(context: OAuthContext) -> list[GrantStatus]:
    """Return the grants that the configuration uses, and those of accounts that it does not name any more."""
    apps = await context.oauth.apps.all()
    states = await context.oauth.store.app_states()
    known = {each.id: each for each in await context.oauth.store.grants()}
    now = context.clock.now()
    wanted = {each.id: each for each in context.configuration.grants}
    found = []
    for ref in wanted.values():
        grant = known.get(ref.id)
        problem = states[ref.app].problem if ref.app in states else None
        if ref.app not in apps:
            problem = no_app(ref.app)
        found.append(grant_status(ref, grant, apps.get(ref.app), problem, now))
    for name, grant in known.items():
        if name not in wanted and grant.state is not GrantState.REVOKED:
            ref = GrantRef(name, grant.app, grant.username, "")
            status = grant_status(ref, grant, apps.get(grant.app), None, now)
            found.append(status)
    return found


async def revoke_grant(context: OAuthContext, ref: GrantRef) -> str:
    """End a grant: tell its provider, forget its tokens, and return a sentence. Raises `OAuthFailed`.

    A provider that cannot be told now is told by the token keeper later.
    """
    oauth, now = context.oauth, context.clock.now()
    stored = await oauth.store.grant(ref.id)
    if stored is None or stored.grant.state is GrantState.REVOKED:
        raise OAuthFailed(f"There is no sign-in of {ref.name}.")
    ended = f"The sign-in of {ref.name} has ended"
    if not await oauth.store.give_back([ref.id], now, now + REVOKE_FOR):
        return f"{ended}, and its tokens are forgotten."
    lease = await oauth.store.lease_revocation(ref.id, oauth.holder, now, now + LEASE)
    done = await oauth.revoker.revoke(lease) if lease is not None else None
    if done is None:
        return f"{ended}; another process tells the provider now."
    match done.ending:
        case Ending.TOLD:
            return f"{ended}, and its tokens are forgotten; the provider was told."
        case Ending.RETRYING:
            return (
                f"{ended}. The provider could not be told yet: {done.clause}. Mailferry goes on trying for "
                f"{DAYS} days."
            )
        case Ending.SHARED:
            return f"{ended}, and its tokens are forgotten. The provider was not told, as {done.clause}."
        case Ending.NOT_OFFERED | Ending.GIVEN_UP:
            return f"{ended}, and its tokens are forgotten. {quoted(done.clause)}. {BY_OWNER}"


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


async def add_app(context: OAuthContext, app: OAuthApp, directory: str | None) -> str:
    """Keep an app in the database, its secret sealed; return a sentence. Raises `OAuthFailed`."""
    oauth = context.oauth
    if app.name in context.configuration.oauth_apps:
        raise OAuthFailed(
            f"The app {app.name} is in {context.configuration.document.origin}: change it there."
        )
    secret = None
    if app.client_secret is not None:
        secret = oauth.box.seal(SecretName(APP_SECRET_KIND, app.name, CLIENT_SECRET), app.client_secret)
    await oauth.store.put_app(app.name, spec_of_app(app, directory), secret, context.clock.now())
    oauth.apps.forget()
    return f"The app {quoted(app.name)} is kept in the database."


async def ref_of(configuration: Configuration, kind: Kind, name: str) -> GrantRef:
    """Return the grant of an account or target by its id.

    Raises `OAuthFailed`, and what `with_registry` does.
    """
    if kind is Kind.ACCOUNT:
        known = await with_registry(configuration, [name])
        ref = known.accounts[name].grant
    else:
        known = await with_registry(configuration, [], [name])
        ref = known.targets[name].grant
    if ref is None:
        raise OAuthFailed(f'{name} does not log in by OAuth: give it auth = "oauth" and "oauth_app".')
    return ref


async def remove_app(context: OAuthContext, name: str, *, force: bool = False) -> str:
    """Remove an app that is kept in the database, and return a sentence. Raises `OAuthFailed`.

    With `force` also one that has sign-ins, which are given back; without, that is refused.
    """
    oauth, now = context.oauth, context.clock.now()
    if name in context.configuration.oauth_apps:
        raise OAuthFailed(f"The app {name} is in {context.configuration.document.origin}: remove it there.")
    ended = (GrantState.REVOKING, GrantState.REVOKED)
    using = [each for each in await oauth.store.grants() if each.app == name and each.state not in ended]
    if using and not force:
        raise OAuthFailed(
            f"The app {quoted(name)} has {len(using)} sign-ins, for example that of {named(using[0].id)}. "
            "Remove these accounts first, or use --force to give the sign-ins back."
        )
    removal = await oauth.store.remove_app(name, now, now + REVOKE_FOR)
    oauth.apps.forget()
    if removal is None:
        raise OAuthFailed(f"There is no OAuth app {quoted(name)} in the database.")
    if removal.to_tell:
        return (
            f"The app {quoted(name)} is removed; its secret goes when the provider was told of "
            f"{removal.to_tell} sign-ins."
        )
    return f"The app {quoted(name)} is removed."
