"""Metrics with names as labels: of known providers, of targets and of tenants. Their number is bounded.

A provider is one of `mailferry providers`; all others are `other`. Of targets, the first 100 that a process
meets have series of their own, and all others share `other`. Of tenants, those with most of something are
reported, in place of the ones before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Summary

OTHER = "other"
MOST_TARGETS = 100


class BoundedNames:
    """The first `most` names stand for themselves, all later ones are `other`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._names: set[str] = set()

    def label(self, name: str) -> str:
        """Return the label for a name."""
        if name in self._names:
            return name
        if len(self._names) >= self._most:
            return OTHER
        self._names.add(name)
        return name


class MetricsByName:
    """The metrics of a process that have names as labels."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.provider_visits = Counter(
            "mailferry_provider_visits",
            "Visits by the provider of the mailbox; provider: a known one, or other; outcome: ok, "
            "degraded (complete, with a problem), failed.",
            ["provider", "outcome"],
            registry=registry,
        )
        self.provider_failures = Counter(
            "mailferry_provider_visit_failures",
            "Failed visits by the provider of the mailbox; provider: a known one, or other; reason: name "
            "(not found), connection, tls, login, busy, refused, protocol, limit, ours, internal.",
            ["provider", "reason"],
            registry=registry,
        )
        self.target_outcomes = Counter(
            "mailferry_target_outcomes",
            "Recipients after an attempt; target: by its name, or other; status: "
            "delivered, deferred, parked.",
            ["target", "status"],
            registry=registry,
        )
        self.target_seconds = Summary(
            "mailferry_target_delivery_seconds",
            "Time of an attempt, with the wait for a free connection; target: by its name, or other.",
            ["target"],
            registry=registry,
        )
        self._target_out = Gauge(
            "mailferry_target_out",
            "1 while a target is out of reach; target: by its name, or other.",
            ["target"],
            registry=registry,
        )
        self.tenant_failing = Gauge(
            "mailferry_tenant_accounts_failing",
            "Failing accounts of a tenant, for the 100 tenants with most of them.",
            ["tenant"],
            registry=registry,
        )
        self.tenant_mails = Gauge(
            "mailferry_tenant_mails_today",
            "Mails fetched for a tenant since midnight by UTC, for the 20 tenants with most of them.",
            ["tenant"],
            registry=registry,
        )
        self._targets = BoundedNames(MOST_TARGETS)

    def count_visit(self, provider: str | None, outcome: str, reason: str | None) -> None:
        """Count a visit; `provider` is None where it is not a known one, `reason` where it did not fail."""
        name = provider or OTHER
        self.provider_visits.labels(name, outcome).inc()
        if reason is not None:
            self.provider_failures.labels(name, reason).inc()

    def observe_attempt(self, target: str, seconds: float) -> None:
        """Note how long an attempt took."""
        self.target_seconds.labels(self._targets.label(target)).observe(seconds)

    def count_outcomes(self, target: str, outcomes: Mapping[str, int]) -> None:
        """Count recipients of a target by the status that they have now."""
        name = self._targets.label(target)
        for status, recipients in outcomes.items():
            self.target_outcomes.labels(name, status).inc(recipients)

    def report_targets_out(self, out: Collection[str]) -> None:
        """Report which targets are out of reach now."""
        self._target_out.clear()
        for target in out:
            self._target_out.labels(self._targets.label(target)).set(1)

    def report_failing_tenants(self, failing: Mapping[str, int]) -> None:
        """Report the failing accounts of tenants."""
        _replace(self.tenant_failing, failing)

    def report_busy_tenants(self, mails: Mapping[str, int]) -> None:
        """Report the mails of tenants since midnight."""
        _replace(self.tenant_mails, mails)


def _replace(gauge: Gauge, values: Mapping[str, int]) -> None:
    gauge.clear()
    for name, value in values.items():
        gauge.labels(name).set(value)
