"""What providers answer when they are told that a grant has ended."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.oauth.answers import Answer, RetryLater
from shared.oauth.revoking import RETRY, Revoked, retry_revocation_at, revocation_meaning


def answer(status: int, said: object = None, after: float | None = None) -> Answer:
    return Answer(status, b"" if said is None else json.dumps(said).encode(), after)


@pytest.mark.parametrize(
    "said",
    [
        answer(200),
        answer(200, {}),
        answer(200, {"status": "success"}),
        answer(400, {"error": "invalid_token", "error_description": "Token expired or revoked"}),
        answer(400, {"error": "invalid_grant"}),
        answer(200, {"error": "invalid_code"}),
    ],
)
def test_a_grant_is_void_where_the_provider_says_so_or_does_not_know_it(said: Answer) -> None:
    assert isinstance(revocation_meaning(said), Revoked)


@pytest.mark.parametrize(
    "said",
    [
        answer(503),
        answer(429, {"error": "slow_down"}, 17.0),
        answer(302),
        answer(404),
        answer(401, {"error": "invalid_client"}),
        answer(400, {"error": "unsupported_token_type"}),
        answer(200, {"error": "Access Denied"}),
    ],
)
def test_everything_else_is_tried_again(said: Answer) -> None:
    found = revocation_meaning(said)
    assert isinstance(found, RetryLater)
    assert str(said.status) in found.sentence
    assert found.after == said.retry_after


def test_the_provider_is_told_again_later_and_no_earlier_than_it_asks() -> None:
    assert retry_revocation_at(None, 0, 1000.0, 0.5) < retry_revocation_at(None, 3, 1000.0, 0.5)
    assert retry_revocation_at(7200.0, 0, 1000.0, 0.5) == 8200.0
    assert retry_revocation_at(None, 99, 0.0, 1.0) <= RETRY.longest


@given(st.integers(100, 599), st.binary(max_size=100))
def test_any_answer_has_a_meaning_of_one_printable_line(status: int, body: bytes) -> None:
    found = revocation_meaning(Answer(status, body))
    if isinstance(found, RetryLater):
        assert found.sentence.isprintable()
