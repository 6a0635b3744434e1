"""When a deferred recipient is tried again, and when it is given up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.relay.delivery.outcome import RetryPolicy
from shared.contract.topology import RETRY_KEY_PREFIX, topology

POLICY = RetryPolicy((1.0, 10.0, 100.0), give_up=1000.0)


@given(st.integers(1, 100), st.floats(0, 999), st.floats(0, 1))
def test_half_of_the_retries_come_a_twentieth_later(attempt: int, now: float, chance: float) -> None:
    step = POLICY.delays[min(attempt, 3) - 1]
    at = POLICY.next_attempt_at(attempt=attempt, first_fetched_at=0.0, now=now, chance=chance)
    assert at == now + step + (step // 20 if chance >= 0.5 else 0)


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_the_broker_has_a_step_for_each_retry(delay: int, chance: float) -> None:
    policy = RetryPolicy((float(delay),), give_up=1e12)
    at = policy.next_attempt_at(attempt=1, first_fetched_at=0.0, now=0.0, chance=chance)
    assert at is not None
    assert topology([delay]).retry_key(at) == f"{RETRY_KEY_PREFIX}{at:.0f}"


def test_after_the_last_time_there_is_no_next_attempt() -> None:
    assert POLICY.next_attempt_at(attempt=1, first_fetched_at=0.0, now=1000.0, chance=0.0) is None
    assert POLICY.next_attempt_at(attempt=1, first_fetched_at=0.0, now=999.9, chance=0.0) is not None
