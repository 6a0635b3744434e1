"""When a grant is refreshed, and what is going to stop it. Times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.model.backoff import Backoff
from shared.model.oauth import Flow, GrantState
from shared.oauth.answers import AppBroken, Failure, NeedsAdmin, NeedsOwner, RetryLater
from shared.oauth.app import OAuthApp

EARLIEST, LATEST = 0.7, 0.8
"""The parts of a token's life after which it is renewed. Chance chooses between them, so that the grants of a
mass import are not all due at the same moment. A fifth is left for an outage of the token server."""
IDLE_PART = 3
"""A refresh token that dies of disuse is used this many times, at least, before it would."""
SHORTEST_PAUSE = 10.0
MARGIN = 30.0
"""Seconds before its end from which on a token is not used for a login any more."""
CLOCK_SKEW = 300.0
"""Seconds by which the clocks of two machines may differ."""
RETRY = Backoff(15.0, 900.0, spread=0.3)
APP_PAUSE = 900.0
ADMIN_PAUSE = 3600.0
OWNER_PAUSE = 86400.0
"""Seconds until a refused grant is tried again: an app is corrected, a permission is granted and a policy is
changed without Mailferry being told. One request costs nothing, so no verdict is for ever."""
DAY = 86400.0
FORECAST = 14 * DAY
TESTING_LIFETIME = 7 * DAY


def refresh_at(issued_at: float, lifetime: float, chance: float, idle_after: float | None = None) -> float:
    """Return when to renew a token of `lifetime` seconds; `chance` is from 0 to 1.

    `idle_after`: seconds after which the refresh token dies of disuse.
    """
    pause = lifetime * (EARLIEST + (LATEST - EARLIEST) * chance)
    if idle_after is not None:
        pause = min(pause, idle_after / IDLE_PART)
    return issued_at + max(min(pause, lifetime), min(SHORTEST_PAUSE, lifetime))


def is_usable(issued_at: float | None, expires_at: float | None, now: float) -> bool:
    """Return whether a token is good for a login now.

    One that was issued in the future is not: the clock was wrong then, or is now, and nobody knows its end.
    """
    if issued_at is None or expires_at is None:
        return False
    margin = min(MARGIN, (expires_at - issued_at) / 10)
    return issued_at - CLOCK_SKEW <= now < expires_at - margin


def state_after(failure: Failure) -> GrantState:
    """Return the state of a grant whose refresh failed."""
    match failure:
        case RetryLater():
            return GrantState.RETRYING
        case NeedsOwner():
            return GrantState.NEEDS_OWNER
        case NeedsAdmin():
            return GrantState.NEEDS_ADMIN
        case AppBroken():
            return GrantState.APP_BROKEN


def retry_at(failure: Failure, failures: int, now: float, chance: float) -> float:
    """Return when a refresh is tried again after it failed `failures` times before in a row."""
    match failure:
        case RetryLater(after=after):
            pause = RETRY.pause(failures, chance)
            return now + (pause if after is None else max(pause, min(after, DAY)))
        case NeedsOwner():
            return now + OWNER_PAUSE * (1 - chance / 10)
        case NeedsAdmin():
            return now + ADMIN_PAUSE * (1 - chance / 10)
        case AppBroken():
            return now + APP_PAUSE


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is going to stop an app or a grant, and when."""

    at: float
    sentence: str


def app_forecasts(app: OAuthApp, now: float) -> Iterator[Forecast]:
    """Yield what is going to stop all grants of an app within the next 14 days."""
    expires = app.secret_expires_at
    if expires is not None and expires <= now + FORECAST:
        yield Forecast(
            expires,
            f"The client secret of the app {app.name} {_ends(expires, now)}: whoever runs Mailferry has to "
            "make a new one at the provider.",
        )


def grant_forecasts(
    app: OAuthApp, consented_at: float, refreshed_at: float | None, now: float
) -> Iterator[Forecast]:
    """Yield what is going to stop a grant within the next 14 days.

    `refreshed_at`: when its refresh token was last used, or issued.
    """
    if app.flow is not Flow.USER:
        return
    if app.testing:
        ends = consented_at + TESTING_LIFETIME
        yield Forecast(
            ends,
            f'Google\'s app {app.name} has the publishing status "Testing", so this sign-in '
            f"{_ends(ends, now)}: publish the app, or make it internal.",
        )
    idle_after = app.provider.idle_after if app.provider else None
    if idle_after is not None and refreshed_at is not None:
        dies = refreshed_at + idle_after
        if dies <= now + FORECAST:
            yield Forecast(
                dies,
                f"No refresh has succeeded for long, so this sign-in {_ends(dies, now)}: see why, or let the "
                "owner sign in again.",
            )


def _ends(at: float, now: float) -> str:
    days = int((at - now) // DAY)
    if at <= now:
        return "has ended"
    return "ends within a day" if days == 0 else f"ends in {days} {'day' if days == 1 else 'days'}"
