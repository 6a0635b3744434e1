"""Every metric of Mailferry, declared once with its meaning.

Units are seconds and bytes. No label is an account, an address or a message. Label values come from short
lists that are written here, except the bounded numbers of names in `metrics_by_name`.

Metrics about the whole database (accounts, parked mail) have the same value in each process: take the `max`
over processes, not the sum.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    ProcessCollector,
    disable_created_metrics,
)

from shared.runtime.histogram import Histogram
from shared.runtime.metrics_by_name import MetricsByName
from shared.runtime.oauth.metrics import OAuthMetrics

QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
DELIVERY = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
VISIT = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400)
SETTLING = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400, 432000)
BATCH = (1, 2, 5, 10, 20, 50, 100, 200, 500)

# Else each counter has a second series with the time of its first count.
disable_created_metrics()  # type: ignore[no-untyped-call] # the library has no types for it


class Metrics(MetricsByName, OAuthMetrics):
    """The metrics of one process. Those of services that it does not run stay at zero."""

    def __init__(self, registry: CollectorRegistry, version: str) -> None:
        MetricsByName.__init__(self, registry)
        OAuthMetrics.__init__(self, registry)
        self.registry = registry
        self._process(version)
        self._fetcher()
        self._accounts()
        self._router()
        self._relay()
        self._broker()
        self._store()

    def _process(self, version: str) -> None:
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        build = self._gauge(
            "mailferry_build_info", "Always 1. The label is the version that runs.", "version"
        )
        build.labels(version=version).set(1)
        self.service_up = self._gauge(
            "mailferry_service_up",
            "1 while a service of this process runs; service: fetcher, router, relay, control, tokens.",
            "service",
        )
        self.reload_failed = self._gauge(
            "mailferry_reload_failed", "1 after a changed configuration was refused, until one is taken over."
        )
        self.loop_lag = self._histogram(
            "mailferry_event_loop_lag_seconds",
            "How much later than it should the event loop woke somebody up, measured twice a second.",
            QUICK,
        )

    def _fetcher(self) -> None:
        self.visits = self._counter(
            "mailferry_fetcher_visits",
            "Visits to source mailboxes; outcome: ok, degraded (complete, with a problem), failed.",
            "outcome",
        )
        for outcome in ("ok", "degraded", "failed"):
            # Prometheus sees no increase in a series that appears with its first count.
            self.visits.labels(outcome=outcome)
        self.visit_seconds = self._histogram(
            "mailferry_fetcher_visit_seconds", "Time of a visit, from the dial to its end.", VISIT
        )
        self.concurrency = self._gauge(
            "mailferry_fetcher_concurrency",
            "Visits that this process makes at a time; silent and slow ones have slots of their own.",
        )
        self.sessions_open = self._gauge("mailferry_fetcher_sessions_open", "Open sessions with sources.")
        self.sessions_kept = self._gauge(
            "mailferry_fetcher_sessions_kept",
            "Sessions with sources that stay open between visits, to save logins or to hear of new mail.",
        )
        self.places = self._gauge(
            "mailferry_fetcher_places",
            "Visits under way; state: connecting (not logged in yet), silent (the server sends nothing), "
            "slow (it sends very little), working. Working visits, and those that connect for less than five "
            "seconds, share one limit; the others have a limit of their own.",
            "state",
        )
        self.places_taken = self._counter(
            "mailferry_fetcher_places_taken",
            "Visits that were ended because they made no progress while other accounts waited.",
        )
        self.listing_bytes = self._gauge(
            "mailferry_fetcher_listing_bytes", "Estimated memory of the listings of open sessions."
        )
        self.leases_lost = self._counter(
            "mailferry_fetcher_leases_lost", "Visits that were aborted because another process had the lease."
        )
        self.mails_fetched = self._counter("mailferry_fetcher_mails_fetched", "Mails read from sources.")
        self.bytes_fetched = self._counter(
            "mailferry_fetcher_fetched_bytes", "Bytes of mail read from sources."
        )
        self.mails_deleted = self._counter(
            "mailferry_fetcher_mails_deleted", "Settled mails for which a deletion was sent to the source."
        )
        self.mails_skipped = self._counter(
            "mailferry_fetcher_mails_skipped", "Mails left at the source as they were there before `begin`."
        )
        self.deletion_paused = self._gauge(
            "mailferry_fetcher_deletion_paused",
            "1 while nothing may be deleted at any source, for example after a restored backup.",
        )
        self.in_flight = self._gauge(
            "mailferry_fetcher_mails_in_flight",
            "Mails that this process fetched and that are not known to be settled.",
        )

    def _accounts(self) -> None:
        self.accounts = self._gauge(
            "mailferry_accounts",
            "Accounts of the configuration; state: working, degraded (complete, with a problem), failing, "
            "overdue, new (not visited yet), paused, disabled. The same in each fetcher: take the max.",
            "state",
        )
        self.failing_oldest = self._gauge(
            "mailferry_accounts_failing_oldest_seconds",
            "The longest time without success of a failing account; 0 if none fails.",
        )
        self.unsettled_oldest = self._gauge(
            "mailferry_unsettled_oldest_seconds",
            "Age of the oldest mail that is not done: in flight, deferred, or held here alone; 0 if there is "
            "none. Parked mail is done. Take the max.",
        )
        self.lost_mails = self._gauge(
            "mailferry_lost_mails",
            "Mails that left their source undelivered, with no copy here. See `mailferry lost`.",
        )
        self.unnamed_mails = self._gauge(
            "mailferry_unnamed_accounts_mails",
            "Undelivered mails of accounts that are not in the configuration; held: source, here.",
            "held",
        )

    def _router(self) -> None:
        self.mails_routed = self._counter(
            "mailferry_router_mails",
            "Mails whose recipients were resolved; evidence: the class that decided.",
            "evidence",
        )
        self.router_batches = self._histogram(
            "mailferry_router_batch_mails", "Mails that were routed in one transaction.", BATCH
        )
        self.router_seconds = self._histogram(
            "mailferry_router_batch_seconds", "Time from taking a batch to its acknowledgement.", QUICK
        )

    def _relay(self) -> None:
        self.attempts = self._counter(
            "mailferry_relay_attempts",
            "Deliveries that were begun: one mail to one target, for all recipients there.",
        )
        self.outcomes = self._counter(
            "mailferry_relay_outcomes",
            "Recipients after an attempt; status: delivered, deferred, parked.",
            "status",
        )
        for status in ("delivered", "deferred", "parked"):
            self.outcomes.labels(status=status)
        self.in_doubt = self._counter(
            "mailferry_relay_in_doubt",
            "Attempts with an unknown result: the connection or process died after the data.",
        )
        self.retries = self._counter(
            "mailferry_relay_retries", "Recipients that were scheduled for another attempt."
        )
        self.put_off = self._counter(
            "mailferry_relay_put_off",
            "Events that were postponed without an attempt; reason: busy, out (target), early (recipients).",
            "reason",
        )
        for reason in ("busy", "out", "early"):
            self.put_off.labels(reason=reason)
        self.targets_out = self._gauge(
            "mailferry_relay_targets_out",
            "Targets that are out of reach. Their mail stays at its source until a probe succeeds.",
        )
        self.delivery_seconds = self._histogram(
            "mailferry_relay_delivery_seconds",
            "Time of an attempt, with the wait for a free connection.",
            DELIVERY,
        )
        self.connections = self._gauge(
            "mailferry_relay_connections",
            "Connections to targets; state: busy (in use or being opened), idle (kept for later).",
            "state",
        )
        self.parked = self._gauge("mailferry_parked_recipients", "Parked recipients that await an operator.")
        self.parked_bytes = self._gauge(
            "mailferry_parked_bytes", "Bytes of the mails that are kept for parked recipients."
        )
        self.parked_oldest = self._gauge(
            "mailferry_parked_oldest_seconds", "Age of the oldest parked recipient; 0 if there is none."
        )
        self.settle_seconds = self._histogram(
            "mailferry_settle_seconds",
            "Time from the fetch of a mail until all its recipients were done.",
            SETTLING,
        )

    def _broker(self) -> None:
        self.broker_up = self._gauge(
            "mailferry_broker_up", "1 while the broker can be used, 0 while it cannot."
        )
        self.published = self._counter("mailferry_broker_published", "Events handed to the broker.")
        self.confirmed = self._counter("mailferry_broker_confirmed", "Events that the broker confirmed.")
        self.unroutable = self._counter(
            "mailferry_broker_unroutable", "Events that no queue accepted: the topology is damaged."
        )
        self.dead_events = self._counter(
            "mailferry_broker_dead", "Events that could not be understood and went to the dead-letter queue."
        )

    def _store(self) -> None:
        self.store_up = self._gauge(
            "mailferry_store_up", "1 while the database can be used, 0 while it cannot."
        )
        self.store_calls = self._gauge(
            "mailferry_store_calls", "Transactions that run or wait for one of the process' connections."
        )
        self.store_seconds = self._histogram(
            "mailferry_store_call_seconds",
            "Time of a transaction, with the wait for a connection and with repetitions.",
            QUICK,
        )

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(name, meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, meaning, buckets, self.registry)
