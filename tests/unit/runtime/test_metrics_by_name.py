"""Names in metrics are bounded in number, and series of names that are gone vanish."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from shared.runtime.metrics_by_name import MOST_TARGETS, MetricsByName


class Shown:
    """Metrics and what they expose."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = MetricsByName(self.registry)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"mailferry_{name}", labels)

    def series(self, name: str) -> int:
        return sum(
            sample.name == f"mailferry_{name}"
            for family in self.registry.collect()
            for sample in family.samples
        )


def test_a_visit_counts_for_its_provider_with_the_reason_of_its_failure() -> None:
    shown = Shown()
    shown.metrics.count_visit("gmx", "ok", None)
    shown.metrics.count_visit("gmx", "failed", "login")
    shown.metrics.count_visit(None, "degraded", None)
    assert shown.value("provider_visits_total", provider="gmx", outcome="ok") == 1
    assert shown.value("provider_visits_total", provider="gmx", outcome="failed") == 1
    assert shown.value("provider_visits_total", provider="other", outcome="degraded") == 1
    assert shown.value("provider_visit_failures_total", provider="gmx", reason="login") == 1
    assert shown.series("provider_visit_failures_total") == 1


def test_however_many_targets_there_are_only_the_first_have_series_of_their_own() -> None:
    shown = Shown()
    for number in range(MOST_TARGETS + 20):
        shown.metrics.count_outcomes(f"target-{number}", {"delivered": 2})
        shown.metrics.observe_attempt(f"target-{number}", 0.5)
    assert shown.value("target_outcomes_total", target="target-3", status="delivered") == 2
    assert shown.value("target_outcomes_total", target="other", status="delivered") == 40
    assert shown.value("target_delivery_seconds_sum", target="other") == 10.0
    assert shown.series("target_outcomes_total") == MOST_TARGETS + 1


def test_a_target_that_is_reached_again_has_no_series() -> None:
    shown = Shown()
    shown.metrics.report_targets_out(["exchange", "own"])
    shown.metrics.report_targets_out(["own"])
    assert shown.value("target_out", target="exchange") is None
    assert shown.value("target_out", target="own") == 1


def test_tenants_replace_those_that_were_reported_before() -> None:
    shown = Shown()
    shown.metrics.report_busy_tenants({"acme": 5})
    shown.metrics.report_busy_tenants({"other": 7})
    assert shown.value("tenant_mails_today", tenant="acme") is None
    assert shown.value("tenant_mails_today", tenant="other") == 7
