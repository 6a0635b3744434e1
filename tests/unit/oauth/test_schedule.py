"""When grants are refreshed, and what is announced before it stops them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.model.oauth import Flow, GrantState
from shared.oauth.answers import AppBroken, Failure, NeedsAdmin, NeedsOwner, RetryLater
from shared.oauth.app import OAuthApp
from shared.oauth.providers import DAY, GOOGLE, MICROSOFT
from shared.oauth.schedule import (
    CLOCK_SKEW,
    app_forecasts,
    grant_forecasts,
    is_usable,
    refresh_at,
    retry_at,
    state_after,
)

NOW = 1_700_000_000.0
APP = OAuthApp("google", "id", GOOGLE)
LIVES = st.floats(1, 366 * DAY)
CHANCES = st.floats(0, 1)


@given(LIVES, CHANCES)
def test_a_token_is_renewed_within_its_life(lifetime: float, chance: float) -> None:
    at = refresh_at(NOW, lifetime, chance)
    assert NOW < at <= NOW + lifetime
    if lifetime >= 60:
        assert NOW + 0.69 * lifetime <= at <= NOW + 0.81 * lifetime


@given(LIVES, CHANCES, st.floats(DAY, 400 * DAY))
def test_a_refresh_token_is_used_long_before_it_dies_of_disuse(
    lifetime: float, chance: float, idle: float
) -> None:
    assert refresh_at(NOW, lifetime, chance, idle) <= NOW + idle / 3 + 1e-3


@given(LIVES, CHANCES)
def test_a_token_is_renewed_before_it_is_unusable(lifetime: float, chance: float) -> None:
    if lifetime > 200:
        assert is_usable(NOW, NOW + lifetime, refresh_at(NOW, lifetime, chance))


def test_a_token_is_not_used_when_it_is_over_nor_when_the_clock_went_back() -> None:
    assert is_usable(NOW, NOW + 3600, NOW)
    assert not is_usable(NOW, NOW + 3600, NOW + 3600)
    assert not is_usable(NOW, NOW + 3600, NOW - CLOCK_SKEW - 1)
    assert not is_usable(None, None, NOW)


FAILURES: list[tuple[Failure, GrantState]] = [
    (RetryLater("x"), GrantState.RETRYING),
    (NeedsOwner("x"), GrantState.NEEDS_OWNER),
    (NeedsAdmin("x"), GrantState.NEEDS_ADMIN),
    (AppBroken("x"), GrantState.APP_BROKEN),
]


@given(st.sampled_from(FAILURES), st.integers(0, 10**6), CHANCES)
def test_every_failure_has_a_state_and_is_tried_again_some_time(
    failed: tuple[Failure, GrantState], failures: int, chance: float
) -> None:
    failure, state = failed
    assert state_after(failure) is state
    assert NOW + 10 <= retry_at(failure, failures, NOW, chance) <= NOW + DAY


def test_outages_are_retried_within_minutes_however_long_they_last() -> None:
    assert retry_at(RetryLater("x"), 0, NOW, 0) == NOW + 15
    assert retry_at(RetryLater("x"), 50, NOW, 0) == NOW + 900


def test_a_server_is_left_alone_for_as_long_as_it_asks() -> None:
    assert retry_at(RetryLater("x", after=400), 0, NOW, 0) == NOW + 400
    assert retry_at(RetryLater("x", after=1e12), 0, NOW, 0) == NOW + DAY


def test_the_end_of_a_client_secret_is_announced_14_days_before() -> None:
    app = replace(APP, secret_expires_at=NOW + 13.5 * DAY)
    [forecast] = app_forecasts(app, NOW)
    assert "ends in 13 days" in forecast.sentence
    assert not [*app_forecasts(app, NOW - DAY)]
    [over] = app_forecasts(app, NOW + 20 * DAY)
    assert "has ended" in over.sentence


def test_googles_testing_status_is_announced_at_once() -> None:
    [forecast] = grant_forecasts(replace(APP, testing=True), NOW, NOW, NOW)
    assert forecast.at == NOW + 7 * DAY
    assert "publish the app" in forecast.sentence
    assert not [*grant_forecasts(APP, NOW, NOW, NOW)]


def test_a_refresh_token_that_is_about_to_die_of_disuse_is_announced() -> None:
    app = replace(APP, provider=MICROSOFT)
    assert not [*grant_forecasts(app, NOW, NOW, NOW + 75 * DAY)]
    [forecast] = grant_forecasts(app, NOW, NOW, NOW + 77 * DAY)
    assert "ends in 13 days" in forecast.sentence
    assert not [*grant_forecasts(replace(app, flow=Flow.CLIENT_CREDENTIALS), NOW, NOW, NOW + 77 * DAY)]
