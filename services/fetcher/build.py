"""Builds a fetcher from the configuration and the adapters that its process chose."""

from __future__ import annotations

from functools import partial

from services.fetcher.decide.schedule import automatic_concurrency
from services.fetcher.decide.visit_slots import VisitState
from services.fetcher.flow_control.backpressure import Backpressure
from services.fetcher.flow_control.blob_room import BlobRoom
from services.fetcher.flow_control.daily_limits import DailyLimits
from services.fetcher.flow_control.memory_budget import MemoryBudget
from services.fetcher.flow_control.settlement_tracker import SettlementTracker
from services.fetcher.flow_control.tenant_quota import QuotaLimit
from services.fetcher.flow_control.tenant_quotas import TenantQuotas
from services.fetcher.ingest.ports import Ports
from services.fetcher.mailboxes.opening import open_source
from services.fetcher.mailboxes.visit_observer import NOT_OBSERVED, VisitObserver
from services.fetcher.maintenance.account_monitor import AccountMonitor
from services.fetcher.maintenance.epoch_monitor import EpochMonitor
from services.fetcher.maintenance.maintenance import Maintenance
from services.fetcher.maintenance.pruner import Pruner
from services.fetcher.maintenance.registry_cleaner import RegistryCleaner
from services.fetcher.maintenance.spool_republisher import SpoolRepublisher
from services.fetcher.scheduler.active_visits import Opening
from services.fetcher.scheduler.concurrency import Concurrency
from services.fetcher.service import Fetcher
from services.fetcher.visit.limits import Limits
from services.fetcher.visit.visiting import Visitor
from services.fetcher.watch.open_mailboxes import OpenMailboxes
from shared.config import Configuration
from shared.config.settings import FetcherSettings
from shared.contract.topology import longest_retry_delay
from shared.model.ids import message_id
from shared.ports.store import Extent
from shared.runtime.registry import Registry
from shared.runtime.runtime import Runtime

VISITS_PER_CORE = 24
VISIT_SETTLE_LIMIT = 60.0
PASS_SETTLE_LIMIT = 3600.0
"""Seconds that a visit waits at most for its mails to be settled, in a running fetcher and in one pass."""


def build_fetcher(
    configuration: Configuration,
    around: Runtime,
    *,
    name: str,
    wait_always: bool = False,
    observer: VisitObserver = NOT_OBSERVED,
) -> Fetcher:
    """Return a fetcher called `name`, unique among all. With `wait_always` visits wait for settlements also
    where a copy stays at the source. `observer` is told how visits go on.
    """
    clock, metrics, section = around.clock, around.metrics, configuration.fetcher
    registry = around.registry
    memory = MemoryBudget(around.broker_memory, section.memory_limit, clock)
    epoch_monitor = EpochMonitor(around.store.maintenance, around.blobs, clock)
    ports = Ports(
        ledger=around.store.fetcher,
        broker=around.broker,
        blobs=around.blobs,
        clock=clock,
        new_id=lambda: message_id(clock.now(), around.entropy),
        backpressure=Backpressure(around.store.fetcher, around.blobs, clock, memory),
        epoch_monitor=epoch_monitor,
        unrecorded_blobs=around.unrecorded,
        blob_room=BlobRoom(around.blobs),
        daily_limits=DailyLimits(
            around.store.fetcher, clock, lambda tenant: registry.limits_of(tenant).daily_mails
        ),
        revision=lambda: registry.revision,
        tracing=around.tracing,
        observer=observer,
    )
    open_mailbox = partial(open_source, grants=around.grants)
    quotas = TenantQuotas(
        clock,
        partial(quota_limit, registry, section),
        several_tenants=registry.extent.several_tenants,
    )
    tracker = SettlementTracker(clock, quotas)
    visitor = Visitor(
        name=name,
        leases=around.store.fetcher,
        ports=ports,
        board=tracker,
        limits=visit_limits(configuration, wait_always=wait_always),
        open_mailbox=open_mailbox,
        metrics=metrics,
        chance=around.chance,
    )
    maintenance = build_maintenance(configuration, around, epoch_monitor, name=name)
    make_concurrency = partial(concurrency_of, cores=around.cores)
    open_mailboxes = OpenMailboxes(open_mailbox, clock, section.watch_connections, configuration.hosts)
    fetcher = Fetcher(
        configuration,
        registry,
        around.broker,
        visitor,
        make_concurrency,
        maintenance,
        Opening(open_mailboxes.open, memory),
        open_mailboxes,
    )
    registry.notify(fetcher.use_changes)
    metrics.deletion_paused.set_function(lambda: epoch_monitor.problem() is not None)
    metrics.in_flight.set_function(lambda: len(tracker))
    for state in VisitState:
        metrics.places.labels(state=state.value).set_function(partial(fetcher.count, state))
    metrics.concurrency.set_function(lambda: fetcher.concurrency)
    metrics.unsettled_oldest.set_function(
        lambda: max(maintenance.account_monitor.unsettled_age(), tracker.oldest_age(clock.now()))
    )
    metrics.sessions_kept.set_function(lambda: len(open_mailboxes))
    metrics.listing_bytes.set_function(lambda: memory.listing_octets)
    return fetcher


def build_maintenance(
    configuration: Configuration, around: Runtime, epoch_monitor: EpochMonitor, *, name: str
) -> Maintenance:
    """Return what a fetcher called `name` does beside its visits."""
    republisher = SpoolRepublisher(
        around.registry,
        around.store.maintenance,
        around.broker,
        around.clock,
        name=name,
        lease=configuration.leases.message,
        longest_lease=longest_lease(configuration),
    )
    pruner = Pruner(around.store.maintenance, around.blobs, around.clock, configuration.store.keep_history)
    account_monitor = AccountMonitor(around.store.maintenance, around.clock, around.metrics)
    cleaner = RegistryCleaner(around.store.registry, around.clock)
    return Maintenance(epoch_monitor, republisher, pruner, account_monitor, cleaner)


def visit_limits(configuration: Configuration, *, wait_always: bool) -> Limits:
    """Return the limits of each visit."""
    section = configuration.fetcher
    return Limits(
        window_messages=section.window_messages,
        window_octets=section.window_bytes,
        inline_limit=section.inline_limit,
        message_lease=configuration.leases.message,
        longest_lease=longest_lease(configuration),
        settle_wait=section.settle_wait,
        longest_wait=PASS_SETTLE_LIMIT if wait_always else VISIT_SETTLE_LIMIT,
        wait_always=wait_always,
    )


def longest_lease(configuration: Configuration) -> float:
    """Return how many seconds ahead the lease of a mail can end. It outlives the longest wait for a retry,
    and is given in the middle of an attempt.
    """
    return longest_retry_delay(configuration.relay.retry_delays) + 2 * configuration.leases.message


def concurrency_of(configuration: Configuration, extent: Extent, cores: int) -> Concurrency:
    """Return how many visits are made at a time on a machine with so many cores."""
    return Concurrency(
        configuration.fetcher.concurrency or automatic_concurrency(extent.enabled, cores * VISITS_PER_CORE),
        configuration.leases.account,
        configuration.hosts,
        several_tenants=extent.several_tenants,
        open_sessions=configuration.fetcher.watch_connections,
    )


def quota_limit(registry: Registry, section: FetcherSettings, tenant: str) -> QuotaLimit:
    """Return how much a tenant may have in custody: by its own limits, or by those for all tenants."""
    limits = registry.limits_of(tenant)
    return QuotaLimit(
        limits.window_messages or section.tenant_window_messages,
        limits.window_bytes or section.tenant_window_bytes,
    )
