"""What token servers answer, in the shapes that Google, Microsoft and others document."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.oauth import Flow
from shared.oauth.answers import (
    LONGEST_LIFETIME,
    SHORTEST_LIFETIME,
    Answer,
    AppBroken,
    NeedsAdmin,
    NeedsOwner,
    Refreshed,
    RetryLater,
    meaning,
    refused_sign_in,
    unreachable,
)

GOOGLE = {
    "access_token": "ya29.a0",
    "expires_in": 3599,
    "scope": "https://mail.google.com/",
    "token_type": "Bearer",
}
HTML = b"<!DOCTYPE html><html><title>We are sorry</title></html>"


def answer(status: int, said: object, retry_after: float | None = None) -> Answer:
    return Answer(status, said if isinstance(said, bytes) else json.dumps(said).encode(), retry_after)


def microsoft(error: str, number: int, words: str = "Something.", **more: object) -> dict[str, object]:
    return {
        "error": error,
        "error_description": f"AADSTS{number}: {words} Trace ID: 0f Timestamp: 2026-12-01",
        "error_codes": [number],
        **more,
    }


def test_googles_answer_has_a_token_and_keeps_the_old_refresh_token() -> None:
    found = meaning(answer(200, GOOGLE))
    assert isinstance(found, Refreshed)
    assert found.access_token.get_secret_value() == "ya29.a0"
    assert (found.refresh_token, found.lifetime) == (None, 3599)


def test_microsofts_answer_replaces_the_refresh_token() -> None:
    said = {**GOOGLE, "refresh_token": "0.AX", "ext_expires_in": 3599, "id_token": "a.b.c"}
    found = meaning(answer(200, said))
    assert isinstance(found, Refreshed)
    assert found.refresh_token is not None
    assert found.refresh_token.get_secret_value() == "0.AX"


def test_no_token_is_shown() -> None:
    found = meaning(answer(200, {**GOOGLE, "refresh_token": "canary", "id_token": "canary"}))
    assert "ya29" not in repr(found)
    assert "canary" not in repr(found)


@pytest.mark.parametrize("flow", Flow)
@pytest.mark.parametrize(
    "given_answer",
    [
        answer(500, {"error": "invalid_client"}),
        answer(503, HTML),
        answer(502, b""),
        answer(429, {"error": "invalid_grant"}),
        answer(408, b""),
        answer(200, HTML),
        answer(400, HTML),
        answer(401, b"Unauthorized"),
        answer(302, b""),
        answer(200, {}),
        answer(200, {"access_token": ""}),
        answer(200, {"access_token": "x", "token_type": "mac"}),
        answer(200, [1]),
        answer(200, b"[" * 100_000),
        answer(400, {"error": "temporarily_unavailable"}),
        answer(400, {"error": "slow_down"}),
        answer(400, {"error": "authorization_pending"}),
        answer(400, {"error": "something_new"}),
        answer(400, microsoft("invalid_grant", 90033, "A transient error has occurred.")),
        answer(400, microsoft("invalid_grant", 50196, "The server terminated an operation.")),
        answer(200, {"error": "Access Denied", "error_description": "Too many requests continuously."}),
    ],
)
def test_what_is_no_definite_answer_is_asked_for_again(given_answer: Answer, flow: Flow) -> None:
    assert isinstance(meaning(given_answer, flow), RetryLater)


def test_the_server_says_when_to_come_back() -> None:
    found = meaning(answer(429, {"error": "rate_limit_exceeded"}, 17.0))
    assert isinstance(found, RetryLater)
    assert found.after == 17.0


def test_an_outage_is_never_called_a_wrong_login() -> None:
    found = unreachable("the host has no address")
    assert "asked again later" in found.sentence
    assert "the host has no address" in found.sentence


@pytest.mark.parametrize(
    "said",
    [
        {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
        {
            "error": "invalid_grant",
            "error_description": "reauth related error",
            "error_subtype": "invalid_rapt",
        },
        microsoft("invalid_grant", 700082, "The refresh token has expired due to inactivity."),
        microsoft("invalid_grant", 50173, "The provided grant has expired due to it being revoked."),
        microsoft("interaction_required", 50076, "You must use multi-factor authentication."),
        {"error": "interaction_required"},
        {"error": "invalid_code"},
        {"error": "expired_token"},
    ],
)
def test_the_owner_has_to_sign_in_again(said: dict[str, object]) -> None:
    found = meaning(answer(400, said))
    assert isinstance(found, NeedsOwner)
    assert "owner of the mailbox has to sign in again" in found.sentence
    assert str(said["error"]) in found.sentence


@pytest.mark.parametrize(
    "said",
    [
        microsoft(
            "invalid_grant",
            65001,
            "The user or administrator has not consented.",
            suberror="consent_required",
        ),
        microsoft("interaction_required", 65001),
        microsoft("invalid_client", 650052, "The app needs access to a service."),
        microsoft("access_denied", 90094, "The grant requires administrator permission."),
        microsoft("invalid_grant", 50105, "The signed in user is not assigned to a role."),
        microsoft("invalid_grant", 53003, "Access has been blocked by Conditional Access policies."),
        microsoft("invalid_grant", 50057, "The user account is disabled."),
        {"error": "admin_policy_enforced"},
        {"error": "consent_required"},
    ],
)
def test_an_administrator_has_to_allow_it(said: dict[str, object]) -> None:
    found = meaning(answer(400, said))
    assert isinstance(found, NeedsAdmin)
    assert "administrator" in found.sentence


@pytest.mark.parametrize(
    "said",
    [
        {"error": "invalid_client", "error_description": "The OAuth client was not found."},
        {"error": "unauthorized_client"},
        {"error": "deleted_client"},
        {"error": "invalid_scope"},
        microsoft("invalid_client", 7000215, "Invalid client secret provided."),
        microsoft("unauthorized_client", 700016, "Application was not found in the directory."),
        microsoft("invalid_request", 90002, "Tenant not found."),
    ],
)
def test_the_app_is_for_whoever_runs_mailferry(said: dict[str, object]) -> None:
    found = meaning(answer(401, said))
    assert isinstance(found, AppBroken)
    assert "whoever runs Mailferry" in found.sentence


def test_an_expired_client_secret_is_called_so() -> None:
    found = meaning(
        answer(401, microsoft("invalid_client", 7000222, "The provided client secret keys are expired."))
    )
    assert isinstance(found, AppBroken)
    assert "has expired" in found.sentence


def test_a_service_account_without_delegation_needs_the_workspaces_administrator() -> None:
    said = {
        "error": "unauthorized_client",
        "error_description": "Client is unauthorized to retrieve access tokens.",
    }
    found = meaning(answer(401, said), Flow.SERVICE_ACCOUNT)
    assert isinstance(found, NeedsAdmin)
    assert "domain-wide delegation" in found.sentence


def test_a_wrong_clock_is_called_so() -> None:
    said = {
        "error": "invalid_grant",
        "error_description": "Invalid JWT: Token must be a short-lived token (60 minutes) and in a "
        "reasonable timeframe. Check your iat and exp values in the JWT claim.",
    }
    found = meaning(answer(400, said), Flow.SERVICE_ACCOUNT)
    assert isinstance(found, AppBroken)
    assert "clock" in found.sentence


@pytest.mark.parametrize("flow", [Flow.CLIENT_CREDENTIALS, Flow.SERVICE_ACCOUNT])
def test_nobody_is_asked_to_sign_in_where_there_is_no_owner(flow: Flow) -> None:
    found = meaning(
        answer(400, {"error": "invalid_grant", "error_description": "Invalid email or User ID"}), flow
    )
    assert isinstance(found, NeedsAdmin)


def test_a_sign_in_that_was_declined_is_the_owners_to_repeat() -> None:
    assert isinstance(refused_sign_in("access_denied", ""), NeedsOwner)
    assert isinstance(
        refused_sign_in("consent_required", "AADSTS65004: User declined to consent"), NeedsOwner
    )


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())))
def test_every_lifetime_is_usable(value: object) -> None:
    body = json.dumps({"access_token": "x", "expires_in": value}).encode()
    found = meaning(Answer(200, body))
    assert isinstance(found, Refreshed)
    assert SHORTEST_LIFETIME <= found.lifetime <= LONGEST_LIFETIME


@given(st.integers(100, 599), st.binary(max_size=200))
def test_bytes_of_any_kind_blame_nobody(status: int, body: bytes) -> None:
    assert isinstance(meaning(Answer(status, b"\xff" + body)), RetryLater)


@given(
    st.integers(100, 599),
    st.dictionaries(
        st.sampled_from(
            ["error", "error_description", "access_token", "expires_in", "token_type", "scope", "suberror"]
        ),
        st.one_of(
            st.none(),
            st.text(max_size=20),
            st.integers(),
            st.dictionaries(st.text(max_size=3), st.integers()),
        ),
    ),
    st.sampled_from(Flow),
)
def test_any_json_has_a_meaning_of_one_printable_line(
    status: int, said: dict[str, object], flow: Flow
) -> None:
    found = meaning(answer(status, said), flow)
    if not isinstance(found, Refreshed):
        assert found.sentence.isprintable()
    if status == 429 or status >= 500:
        assert isinstance(found, RetryLater)
