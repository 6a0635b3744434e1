"""When a target counts as out of reach, and when it is probed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.relay.targets.circuit import (
    CircuitBreaker,
    ProbePolicy,
    after_failed_probe,
    after_failure,
    after_successful_probe,
)

POLICY = ProbePolicy((5.0, 60.0, 300.0), failures=3)
NOW, MOMENT = 1_700_000_000.0, 50.0


def failed(times: int, circuit: CircuitBreaker = CircuitBreaker()) -> CircuitBreaker:
    for number in range(times):
        circuit = after_failure(circuit, f"refused {number}", POLICY, NOW, MOMENT)
    return circuit


def test_some_failures_in_a_row_open_a_circuit_and_fewer_do_not() -> None:
    assert not failed(2).is_open
    assert failed(3) == CircuitBreaker(3, 0, NOW, MOMENT + 5, "refused 2")


def test_a_failure_that_began_before_the_circuit_opened_changes_nothing() -> None:
    assert failed(9) == failed(3)


def test_probes_that_fail_come_at_growing_distance_and_the_last_one_repeats() -> None:
    circuit, distances = failed(3), []
    for _ in range(4):
        circuit = after_failed_probe(circuit, "still nobody", POLICY, MOMENT)
        assert circuit.probe_at is not None
        distances.append(circuit.probe_at - MOMENT)
    assert distances == [60.0, 300.0, 300.0, 300.0]
    assert (circuit.since, circuit.reason) == (NOW, "still nobody")


def test_a_target_that_answers_but_accepts_nothing_is_out_again_at_its_first_failure() -> None:
    on_trial = after_successful_probe(after_failed_probe(failed(3), "nobody", POLICY, MOMENT), POLICY)
    assert not on_trial.is_open
    again = failed(1, on_trial)
    assert again.probe_at == MOMENT + 60


@given(st.lists(st.sampled_from(["failure", "probe failed", "probe"]), max_size=50))
def test_a_circuit_is_open_only_after_failures_in_a_row_and_then_always_has_a_probe_to_come(
    history: list[str],
) -> None:
    circuit, failures = CircuitBreaker(), 0
    for event in history:
        if event == "failure":
            failures += not circuit.is_open
            circuit = after_failure(circuit, "", POLICY, NOW, MOMENT)
        elif circuit.is_open and event == "probe failed":
            circuit = after_failed_probe(circuit, "", POLICY, MOMENT)
        elif circuit.is_open:
            circuit, failures = after_successful_probe(circuit, POLICY), POLICY.failures - 1
        assert circuit.is_open == (failures >= POLICY.failures)
        assert circuit.probe_at is None or MOMENT < circuit.probe_at <= MOMENT + POLICY.delays[-1]
