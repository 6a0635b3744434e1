"""How a grant is doing, as a sentence that says who has to do what."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from shared.model.account import Account
from shared.model.oauth import Flow, GrantRef, GrantState
from shared.oauth.app import OAuthApp
from shared.oauth.schedule import DAY, app_forecasts, grant_forecasts
from shared.operations.context import OperatorContext
from shared.ports.store.oauth import Grant

NOT_CONNECTED = "not connected"
OK = "ok"


@dataclass(frozen=True, slots=True)
class GrantStatus:
    """How a grant is doing. `days_left`: until something that is known will stop it; None for nothing."""

    name: str
    app: str
    username: str
    state: str
    sentence: str
    refreshed_at: float | None
    expires_at: float | None
    days_left: int | None


def grant_status(
    ref: GrantRef, grant: Grant | None, app: OAuthApp | None, app_problem: str | None, now: float
) -> GrantStatus:
    """Return how a grant is doing. `grant` is what is stored of it, `app_problem` why its app is refused."""
    if grant is None or (grant.app, grant.username) != (ref.app, ref.username):
        needs_owner = app is None or app.flow is Flow.USER
        sentence = app_problem or (
            "Nobody has signed in yet: run `mailferry oauth connect`."
            if needs_owner
            else "The first visit gets a token, or `mailferry oauth connect` does."
        )
        return GrantStatus(ref.name, ref.app, ref.username, NOT_CONNECTED, sentence, None, None, None)
    state = grant.state
    if grant.lease_until is not None and grant.lease_until > now:
        state = GrantState.REFRESHING
    forecasts = []
    if app is not None:
        forecasts = [
            *app_forecasts(app, now),
            *grant_forecasts(app, grant.consented_at, grant.refreshed_at, now),
        ]
    sentences = [
        each for each in (grant.problem or app_problem, *(each.sentence for each in forecasts)) if each
    ]
    soonest = min((each.at for each in forecasts), default=None)
    days = None if soonest is None else max(0, int((soonest - now) // DAY))
    if state is GrantState.REVOKED:
        sentences = ["The sign-in was given back; `mailferry oauth connect` begins a new one."]
    if grant.state is GrantState.REVOKING:
        state, days = grant.state, None
        why = f": {grant.problem}" if grant.problem else ""
        sentences = [f"The sign-in has ended, and the provider is still to be told{why}."]
    return GrantStatus(
        ref.name,
        grant.app,
        grant.username,
        state.value,
        " ".join(sentences) or OK,
        grant.refreshed_at,
        grant.expires_at,
        days,
    )


async def account_grants(
    context: OperatorContext, accounts: Mapping[str, Account | None]
) -> dict[str, GrantStatus]:
    """Return how the grants of these accounts are doing, by account; an account may have none."""
    now = context.clock.now()
    present = {name: each for name, each in accounts.items() if each is not None}
    refs = {name: each.grant for name, each in present.items() if each.grant is not None}
    if not refs or context.grants is None:
        return {}
    stored = await asyncio.gather(*(context.grants.grant(ref.id) for ref in refs.values()))
    grants = {each.grant.id: each.grant for each in stored if each is not None}
    states, apps = await context.grants.app_states(), await context.oauth.apps.known()
    return {
        account: grant_status(
            ref,
            grants.get(ref.id),
            apps.get(ref.app),
            states[ref.app].problem if ref.app in states else None,
            now,
        )
        for account, ref in refs.items()
    }
