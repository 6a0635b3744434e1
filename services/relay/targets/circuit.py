"""When a target counts as out of reach, and when it is looked for again: a circuit breaker as pure functions.

Some failures in a row to reach a target open its circuit: its mail is not tried any more, only the way to it
is probed, at growing distance. A probe that succeeds closes the circuit on trial: the next failure opens it
again, at the distance that was reached, and only a mail that got through makes everything forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

FAILURES = 5


@dataclass(frozen=True, slots=True)
class ProbePolicy:
    """`delays` in seconds: before the first probe, the second, and so on; the last one repeats.

    `failures` in a row open a circuit.
    """

    delays: tuple[float, ...]
    failures: int = FAILURES

    def delay(self, probes: int) -> float:
        """How long to wait after so many probes that failed."""
        return self.delays[min(probes, len(self.delays) - 1)]


class CircuitBreaker(NamedTuple):
    """What is held against a target: `failures` in a row, the last one's `reason`, and failed `probes`.

    Once the failures opened the circuit, `since` says when (seconds since the epoch), and `probe_at` when the
    next probe is due, by the monotonic clock; None while the circuit is closed.
    """

    failures: int = 0
    probes: int = 0
    since: float = 0.0
    probe_at: float | None = None
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the target's mail is not tried."""
        return self.probe_at is not None


def after_failure(
    circuit: CircuitBreaker, reason: str, policy: ProbePolicy, now: float, moment: float
) -> CircuitBreaker:
    """A mail did not reach the target; `now` by the calendar, `moment` by the monotonic clock.

    What began before the circuit opened tells nothing new about it.
    """
    if circuit.is_open:
        return circuit
    failed = circuit._replace(failures=circuit.failures + 1, reason=reason)
    if failed.failures < policy.failures:
        return failed
    return failed._replace(since=now, probe_at=moment + policy.delay(circuit.probes))


def after_failed_probe(
    circuit: CircuitBreaker, reason: str, policy: ProbePolicy, moment: float
) -> CircuitBreaker:
    """The target is still out of reach."""
    probes = circuit.probes + 1
    return circuit._replace(probes=probes, probe_at=moment + policy.delay(probes), reason=reason)


def after_probe(circuit: CircuitBreaker, policy: ProbePolicy) -> CircuitBreaker:
    """The target answers again: its mail is tried, on trial."""
    return circuit._replace(failures=policy.failures - 1, probe_at=None)
