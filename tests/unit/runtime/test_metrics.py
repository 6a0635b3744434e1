from __future__ import annotations

import re
import subprocess
import sys

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics import MetricWrapperBase

from shared.runtime.histogram import Histogram
from shared.runtime.metrics import Metrics

FORBIDDEN_LABELS = {
    "account",
    "tenant",
    "address",
    "recipient",
    "sender",
    "message",
    "target",
    "user",
    "host",
}
BASE_UNITS = ("_seconds", "_bytes")
BY_NAME = {
    "mailferry_tenant_accounts_failing": "tenant",
    "mailferry_tenant_mails_today": "tenant",
    "mailferry_target_outcomes": "target",
    "mailferry_target_delivery_seconds": "target",
    "mailferry_target_out": "target",
}
"""Metrics whose names are bounded in number."""
OTHER_UNITS = re.compile(r"_(ms|milliseconds|minutes|hours|kb|kib|mb|mib|percent)(_|$)")


def instruments(metrics: Metrics) -> list[MetricWrapperBase | Histogram]:
    return [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase | Histogram)]


def test_every_metric_is_mailferrys_and_says_what_it_means() -> None:
    for instrument in instruments(Metrics(CollectorRegistry(), "1.0")):
        (family,) = instrument.describe()
        assert family.name.startswith("mailferry_")
        assert family.documentation.endswith(".")


def test_every_metric_is_in_base_units() -> None:
    for instrument in instruments(Metrics(CollectorRegistry(), "1.0")):
        (family,) = instrument.describe()
        assert not OTHER_UNITS.search(family.name)
        if family.type == "histogram":
            assert family.name.endswith((*BASE_UNITS, "_mails"))


def test_no_label_is_an_account_an_address_or_a_message_and_few_are_tenants_and_targets() -> None:
    for instrument in instruments(Metrics(CollectorRegistry(), "1.0")):
        labels = instrument._labelnames if isinstance(instrument, MetricWrapperBase) else ()
        (family,) = instrument.describe()
        allowed = {BY_NAME[family.name]} if family.name in BY_NAME else set()
        assert FORBIDDEN_LABELS & set(labels) == allowed


def test_two_processes_worth_of_metrics_live_beside_each_other() -> None:
    first, second = Metrics(CollectorRegistry(), "1.0"), Metrics(CollectorRegistry(), "1.0")
    first.mails_fetched.inc(3)
    assert first.registry.get_sample_value("mailferry_fetcher_mails_fetched_total") == 3
    assert second.registry.get_sample_value("mailferry_fetcher_mails_fetched_total") == 0


def test_series_of_outcomes_are_there_before_the_first_one() -> None:
    registry = Metrics(CollectorRegistry(), "1.0").registry
    assert registry.get_sample_value("mailferry_fetcher_visits_total", {"outcome": "failed"}) == 0
    assert registry.get_sample_value("mailferry_relay_outcomes_total", {"status": "parked"}) == 0
    assert registry.get_sample_value("mailferry_relay_put_off_total", {"reason": "out"}) == 0


def test_what_is_counted_is_exposed() -> None:
    metrics = Metrics(CollectorRegistry(), "1.0")
    metrics.visits.labels(outcome="ok").inc()
    metrics.outcomes.labels(status="delivered").inc(2)
    metrics.settle_seconds.observe(1.5)
    metrics.parked_bytes.set(4096)
    text = generate_latest(metrics.registry).decode()
    assert 'mailferry_fetcher_visits_total{outcome="ok"} 1.0' in text
    assert 'mailferry_relay_outcomes_total{status="delivered"} 2.0' in text
    assert "mailferry_settle_seconds_sum 1.5" in text
    assert "mailferry_parked_bytes 4096.0" in text
    assert "_created" not in text, "a second series for each counter"


def test_the_version_and_the_process_are_exposed() -> None:
    text = generate_latest(Metrics(CollectorRegistry(), "1.2.3").registry).decode()
    assert 'mailferry_build_info{version="1.2.3"} 1.0' in text
    assert "process_resident_memory_bytes" in text


def test_importing_the_module_registers_nothing() -> None:
    script = (
        "from prometheus_client import REGISTRY\n"
        "before = list(REGISTRY.collect())\n"
        "import shared.runtime.metrics\n"
        "assert len(list(REGISTRY.collect())) == len(before)\n"
    )
    subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": "."}, check=True)
