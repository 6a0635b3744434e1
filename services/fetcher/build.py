"""Puts a fetcher together from the configuration and the ports that its process chose."""

from __future__ import annotations

from functools import partial

from services.fetcher.decide.places import VisitState
from services.fetcher.decide.schedule import automatic_concurrency
from services.fetcher.flow_control.backpressure import Backpressure
from services.fetcher.flow_control.blob_room import BlobRoom
from services.fetcher.flow_control.listings import ListingMemory
from services.fetcher.flow_control.memory_budget import MemoryBudget
from services.fetcher.flow_control.settlement_tracker import SettlementTracker
from services.fetcher.flow_control.tenant_quota import QuotaLimit
from services.fetcher.flow_control.tenant_quotas import TenantQuotas
from services.fetcher.ingest.ports import Ports
from services.fetcher.mailboxes.opening import open_source
from services.fetcher.maintenance.account_monitor import AccountMonitor
from services.fetcher.maintenance.epoch_monitor import EpochMonitor
from services.fetcher.maintenance.maintenance import Maintenance
from services.fetcher.maintenance.pruner import Pruner
from services.fetcher.maintenance.spool_republisher import SpoolRepublisher
from services.fetcher.scheduler.active_visits import Opening
from services.fetcher.scheduler.concurrency import Concurrency
from services.fetcher.service import Fetcher
from services.fetcher.visit.limits import Limits
from services.fetcher.visit.visiting import Visitor
from shared.config import Configuration
from shared.contract.topology import farthest_retry
from shared.model.ids import message_id
from shared.runtime.runtime import Runtime

SESSIONS_PER_CORE = 24
WAIT_OF_A_VISIT = 60.0
WAIT_OF_A_PASS = 3600.0


def build_fetcher(
    configuration: Configuration, around: Runtime, *, name: str, wait_always: bool = False
) -> Fetcher:
    """A fetcher called `name`, unique among all; with `wait_always` visits wait for settlements in any
    case.
    """
    section = configuration.fetcher
    limits = Limits(
        window_messages=section.window_messages,
        window_octets=section.window_bytes,
        inline_limit=section.inline_limit,
        message_lease=configuration.leases.message,
        longest_lease=longest_lease(configuration),
        settle_wait=section.settle_wait,
        longest_wait=WAIT_OF_A_PASS if wait_always else WAIT_OF_A_VISIT,
        wait_always=wait_always,
    )
    epoch = EpochMonitor(around.store, around.blobs, around.clock)
    ports = Ports(
        ledger=around.store,
        broker=around.broker,
        blobs=around.blobs,
        clock=around.clock,
        new_id=lambda: message_id(around.clock.now(), around.entropy),
        restraint=Backpressure(
            around.store,
            around.blobs,
            around.clock,
            MemoryBudget(around.broker_memory, section.memory_limit, around.clock),
        ),
        epoch=epoch,
        unrecorded=around.unrecorded,
        room=BlobRoom(around.blobs),
    )
    tenants = TenantQuotas(
        around.clock,
        QuotaLimit(section.tenant_window_messages, section.tenant_window_bytes),
        many=len({account.tenant for account in configuration.accounts.values()}) > 1,
    )
    board = SettlementTracker(around.clock, tenants)
    around.metrics.deletion_paused.set_function(lambda: epoch.problem() is not None)
    around.metrics.in_flight.set_function(lambda: len(board))
    visitor = Visitor(
        name=name,
        leases=around.store,
        ports=ports,
        board=board,
        limits=limits,
        open_mailbox=open_source,
        metrics=around.metrics,
        chance=around.chance,
    )
    make_pace = partial(pace_of, cores=around.cores)
    respool = SpoolRepublisher(
        configuration.accounts,
        around.store,
        around.broker,
        around.clock,
        name=name,
        lease=configuration.leases.message,
        longest=longest_lease(configuration),
    )
    pruner = Pruner(around.store, around.blobs, around.clock, configuration.store.keep_history)
    watch = AccountMonitor(configuration.accounts, around.store, around.clock, around.metrics)
    chores = Maintenance(epoch, respool, pruner, watch)
    listings = ListingMemory(section.memory_limit, around.broker_memory)
    fetcher = Fetcher(
        configuration,
        around.store,
        around.broker,
        visitor,
        make_pace,
        chores,
        Opening(open_source, listings),
    )
    for state in VisitState:
        around.metrics.places.labels(state=state.value).set_function(partial(fetcher.count, state))
    around.metrics.listing_bytes.set_function(lambda: listings.held)
    return fetcher


def longest_lease(configuration: Configuration) -> float:
    """How many seconds ahead the lease of a mail can end: it outlives the longest wait for a retry, and is
    given in the middle of an attempt at that.
    """
    return farthest_retry(configuration.relay.retry_delays) + 2 * configuration.leases.message


def pace_of(configuration: Configuration, cores: int) -> Concurrency:
    """How much is done at a time on a machine with so many cores."""
    enabled = sum(account.enabled for account in configuration.accounts.values())
    concurrency = configuration.fetcher.concurrency
    return Concurrency(
        concurrency or automatic_concurrency(enabled, cores * SESSIONS_PER_CORE),
        configuration.leases.account,
        configuration.hosts,
        several_tenants=len({account.tenant for account in configuration.accounts.values()}) > 1,
    )
