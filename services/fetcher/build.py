"""Puts a fetcher together from the configuration and the ports that its process chose."""

from __future__ import annotations

from functools import partial

from services.fetcher.chores.account_watch import AccountWatch
from services.fetcher.chores.chores import Chores
from services.fetcher.chores.epoch_watch import EpochWatch
from services.fetcher.chores.pruner import Pruner
from services.fetcher.chores.respool import Respool
from services.fetcher.decide.places import VisitState
from services.fetcher.decide.schedule import automatic_concurrency
from services.fetcher.intake.ports import Ports
from services.fetcher.rounds.pace import Pace
from services.fetcher.rounds.under_way import Opening
from services.fetcher.service import Fetcher
from services.fetcher.sources import open_source
from services.fetcher.visit.limits import Limits
from services.fetcher.visit.visiting import Visitor
from services.fetcher.window.blob_room import BlobRoom
from services.fetcher.window.crowd import Crowd
from services.fetcher.window.hints import HintBoard
from services.fetcher.window.listings import ListingMemory
from services.fetcher.window.restraint import Restraint
from services.fetcher.window.share import Bound
from services.fetcher.window.tenants import Tenants
from shared.contract.topology import farthest_retry
from shared.model.ids import message_id
from shared.ops.config import Configuration
from shared.ops.surroundings import Surroundings

SESSIONS_PER_CORE = 24
WAIT_OF_A_VISIT = 60.0
WAIT_OF_A_PASS = 3600.0


def build_fetcher(
    configuration: Configuration, around: Surroundings, *, name: str, wait_always: bool = False
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
    epoch = EpochWatch(around.store, around.blobs, around.clock)
    ports = Ports(
        ledger=around.store,
        broker=around.broker,
        blobs=around.blobs,
        clock=around.clock,
        new_id=lambda: message_id(around.clock.now(), around.entropy),
        restraint=Restraint(
            around.store, around.blobs, around.clock, Crowd(around.held, section.process_bytes, around.clock)
        ),
        epoch=epoch,
        unrecorded=around.unrecorded,
        room=BlobRoom(around.blobs),
    )
    tenants = Tenants(
        around.clock,
        Bound(section.tenant_window_messages, section.tenant_window_bytes),
        many=len({account.tenant for account in configuration.accounts.values()}) > 1,
    )
    board = HintBoard(around.clock, tenants)
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
    respool = Respool(
        configuration.accounts,
        around.store,
        around.broker,
        around.clock,
        name=name,
        lease=configuration.leases.message,
        longest=longest_lease(configuration),
    )
    pruner = Pruner(around.store, around.blobs, around.clock, configuration.store.keep_history)
    watch = AccountWatch(configuration.accounts, around.store, around.clock, around.metrics)
    chores = Chores(epoch, respool, pruner, watch)
    listings = ListingMemory(section.process_bytes, around.held)
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


def pace_of(configuration: Configuration, cores: int) -> Pace:
    """How much is done at a time on a machine with so many cores."""
    enabled = sum(account.enabled for account in configuration.accounts.values())
    concurrency = configuration.fetcher.concurrency
    return Pace(
        concurrency or automatic_concurrency(enabled, cores * SESSIONS_PER_CORE),
        configuration.leases.account,
        configuration.hosts,
        several_tenants=len({account.tenant for account in configuration.accounts.values()}) > 1,
    )
