"""How grants are doing, and their end."""

from __future__ import annotations

from shared.config import Configuration
from shared.model.errors import quoted
from shared.model.oauth import REVOKE_FOR, GrantRef, GrantState
from shared.model.spec import Kind
from shared.oauth.schedule import DAY
from shared.operations.grant_status import GrantStatus, grant_status
from shared.operations.oauth_apps import OAuthFailed
from shared.operations.oauth_context import OAuthContext
from shared.operations.objects.naming import with_registry
from shared.runtime.oauth.apps import no_app
from shared.runtime.oauth.refresher import LEASE
from shared.runtime.oauth.revoker import Ending

DAYS = round(REVOKE_FOR / DAY)
BY_OWNER = "The owner can remove the app's access in his account at the provider."


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
