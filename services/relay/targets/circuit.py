"""A circuit breaker as pure functions: when a target counts as unreachable, and when it is probed.

Some failures in a row open the circuit: no mail for the target is tried, only probes, with growing delays. A
successful probe closes the circuit on trial: the next failure opens it again with the delay reached, and only
a delivered mail resets it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

FAILURES = 5


@dataclass(frozen=True, slots=True)
class ProbePolicy:
    """`delays` in seconds before the first probe, the second, and so on; the last one repeats.

    `failures` in a row open a circuit.
    """

    delays: tuple[float, ...]
    failures: int = FAILURES

    def delay(self, probes: int) -> float:
        """Return the seconds to wait after so many failed probes."""
        return self.delays[min(probes, len(self.delays) - 1)]


class CircuitBreaker(NamedTuple):
    """The state of a target: `failures` in a row, the `reason` of the last one, and failed `probes`.

    `since`: when the circuit was opened (seconds since the epoch). `probe_at`: when the next probe is due, by
    the monotonic clock; None while the circuit is closed.
    """

    failures: int = 0
    probes: int = 0
    since: float = 0.0
    probe_at: float | None = None
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether no mail for the target is tried."""
        return self.probe_at is not None


def after_failure(
    circuit: CircuitBreaker, reason: str, policy: ProbePolicy, now: float, monotonic: float
) -> CircuitBreaker:
    """Return the state after a mail did not reach the target; `now` in seconds since the epoch.

    A failure of a mail that began before the circuit opened changes nothing.
    """
    if circuit.is_open:
        return circuit
    failed = circuit._replace(failures=circuit.failures + 1, reason=reason)
    if failed.failures < policy.failures:
        return failed
    return failed._replace(since=now, probe_at=monotonic + policy.delay(circuit.probes))


def after_failed_probe(
    circuit: CircuitBreaker, reason: str, policy: ProbePolicy, monotonic: float
) -> CircuitBreaker:
    """Return the state after a failed probe."""
    probes = circuit.probes + 1
    return circuit._replace(probes=probes, probe_at=monotonic + policy.delay(probes), reason=reason)


def after_successful_probe(circuit: CircuitBreaker, policy: ProbePolicy) -> CircuitBreaker:
    """Return the state after a successful probe: mail is tried again, on trial."""
    return circuit._replace(failures=policy.failures - 1, probe_at=None)
