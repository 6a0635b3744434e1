"""How grants and apps are doing, and their end."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from shared.config import Configuration
from shared.model.errors import Fault, MailferryError, quoted
from shared.model.oauth import Flow, GrantRef, GrantState
from shared.model.sealed import SecretName
from shared.oauth.answers import AppBroken, Refreshed, meaning, unreachable
from shared.oauth.app import OAuthApp
from shared.oauth.requests import refresh, revocation
from shared.oauth.schedule import app_forecasts
from shared.operations.grant_status import GrantStatus, grant_status
from shared.operations.oauth_context import OAuthContext
from shared.ports.store.oauth import APP_SECRET_KIND, CLIENT_SECRET, REFRESH, SECRET_KIND
from shared.runtime.oauth.apps import AppUnusable, spec_of_app
from shared.runtime.oauth.http import Unreachable

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
        found.append(grant_status(ref, grant, apps.get(ref.app), problem, now))
    for name, grant in known.items():
        if name not in wanted and grant.state is not GrantState.REVOKED:
            ref = GrantRef(name, grant.app, grant.username, "")
            status = grant_status(ref, grant, apps.get(grant.app), None, now)
            found.append(status)
    return found


async def revoke_grant(context: OAuthContext, ref: GrantRef) -> str:
    """Revoke a grant at its provider, forget its tokens, and return a sentence. Raises `OAuthFailed`."""
    oauth = context.oauth
    stored = await oauth.store.grant(ref.id)
    if stored is None or stored.grant.state is GrantState.REVOKED:
        raise OAuthFailed(f"There is no sign-in of {ref.name}.")
    token = None
    if stored.refresh is not None:
        token = oauth.box.open(SecretName(SECRET_KIND, ref.id, REFRESH), stored.refresh)
    await oauth.store.revoke(ref.id)
    forgotten = f"The tokens of {ref.name} are forgotten"
    if token is None:
        return f"{forgotten}."
    why = await _revoked_there(context, stored.grant.app, token)
    if why is None:
        return f"{forgotten}, and the provider was told."
    return f"{forgotten}. {why} The owner can remove the app's access in his account at the provider."


async def _revoked_there(context: OAuthContext, app_name: str, token: SecretStr) -> str | None:
    """Tell the provider; return why that was not possible, as a sentence."""
    try:
        app, provider = await context.oauth.apps.find(app_name)
        request = revocation(app, provider, token)
        if request is None:
            return f"{provider.title} cannot be told that."
        answer = await context.oauth.http.post(request)
    except AppUnusable as error:
        return str(error)
    except Unreachable as error:
        return f"The provider could not be told: {error}."
    return None if answer.status < 400 else f"The provider answered {answer.status} when it was told."


async def app_statuses(context: OAuthContext) -> list[AppStatus]:
    """Return all apps, with what is known of their trouble."""
    now, oauth = context.clock.now(), context.oauth
    states, grants = await oauth.store.app_states(), context.configuration.grants
    found = []
    for app in (await oauth.apps.all()).values():
        problem = states[app.name].problem if app.name in states else None
        sentences = [each for each in (problem, *(each.sentence for each in app_forecasts(app, now))) if each]
        used = sum(each.app == app.name for each in grants)
        found.append(
            AppStatus(
                app.name,
                app.title,
                app.flow.value,
                app.origin,
                used,
                problem is None,
                " ".join(sentences) or "ok",
            )
        )
    return found


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
    raise OAuthFailed(found.sentence, temporary=True)


async def add_app(context: OAuthContext, app: OAuthApp, directory: str) -> str:
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


def ref_of(configuration: Configuration, name: str) -> GrantRef:
    """Return the grant of an account or target by its id. Raises `OAuthFailed`."""
    account = configuration.accounts.get(name)
    ref = account.grant if account is not None else configuration.targets[name].grant
    if ref is None:
        raise OAuthFailed(f'{name} does not log in by OAuth: give it auth = "oauth" and "oauth_app".')
    return ref
