"""When a deferred recipient is tried again, and when it is given up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.relay.backoff import SPREAD, RetryPolicy

POLICY = RetryPolicy((1.0, 10.0, 100.0), give_up=1000.0)


@given(st.integers(1, 100), st.floats(0, 999), st.floats(0, 1))
def test_the_next_attempt_lies_between_the_step_and_a_tenth_more(
    attempt: int, now: float, chance: float
) -> None:
    step = POLICY.delays[min(attempt, 3) - 1]
    at = POLICY.next_attempt(attempt=attempt, first_fetched_at=0.0, now=now, chance=chance)
    assert at is not None
    assert now + step <= at <= now + step * (1 + SPREAD) + 1e-6


def test_after_the_last_time_there_is_no_next_attempt() -> None:
    assert POLICY.next_attempt(attempt=1, first_fetched_at=0.0, now=1000.0, chance=0.0) is None
    assert POLICY.next_attempt(attempt=1, first_fetched_at=0.0, now=999.9, chance=0.0) is not None
