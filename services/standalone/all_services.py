"""Fetcher, router and relay in one process.

The in-process broker loses its events with the process. What an earlier process had in flight is declared
lost at the start, so that it is fetched again without waiting for leases. On SQLite the earlier process has
certainly ended, so that its leases of accounts are ended, too.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog

from services.fetcher.build import build_fetcher
from services.fetcher.mailboxes.visit_observer import NOT_OBSERVED, VisitObserver
from services.fetcher.service import Fetcher
from services.relay.build import build_relay
from services.relay.maintenance.blob_sweep import BlobSweep
from services.relay.service import Relay
from services.router.build import build_router
from services.router.service import Router
from shared.config import Configuration
from shared.contract.journal import RecipientOutcome
from shared.model.backoff import Backoff
from shared.model.errors import MailferryError
from shared.model.message import RecipientStatus
from shared.model.progress import Progress, no_progress
from shared.operations.applying import Applier
from shared.ports.store import SchemaOutdated, StoreUnavailable
from shared.runtime.backup_marker import read_backup_marker, sign_of_restore
from shared.runtime.checkpoints import reached
from shared.runtime.opening import open_runtime
from shared.runtime.process_name import process_name
from shared.runtime.run_services import Service, run_services
from shared.runtime.runtime import Runtime
from shared.runtime.single_process_lock import single_process_lock

BLOB_CHECK_TIMEOUT = 10.0
"""Seconds. Many blobs, or slow ones, must not hold up a start; the sweep takes them later."""

DATABASE_AWAY = (StoreUnavailable, SchemaOutdated)
"""What ends without this process: the database comes back, or is upgraded."""
APPLY_BACKOFF = Backoff(first=1.0, longest=15.0)
"""How long to wait before a database that is away is asked again."""

log = structlog.get_logger("mailferry.standalone")


class OutcomeCounts:
    """Counts outcomes by account; a recipient deferred and then delivered counts under both."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, RecipientStatus]] = Counter()
        self._totals: Counter[RecipientStatus] = Counter()

    def record_outcome(self, account: str, outcome: RecipientOutcome) -> None:
        """Count an outcome."""
        self._counts[account, outcome.status] += 1
        self._totals[outcome.status] += 1

    def count(self, account: str, status: RecipientStatus) -> int:
        """Return how many outcomes of this kind an account's mail had."""
        return self._counts[account, status]

    def total(self, status: RecipientStatus) -> int:
        """Return how many outcomes of this kind there were, of all accounts."""
        return self._totals[status]

    def reset(self) -> None:
        """Count from zero again."""
        self._counts.clear()
        self._totals.clear()


@dataclass(frozen=True, slots=True)
class AllServices:
    """The services, what they run on, and the outcomes since they were made."""

    runtime: Runtime
    fetcher: Fetcher
    router: Router
    relay: Relay
    outcomes: OutcomeCounts


@asynccontextmanager
async def all_services(
    configuration: Configuration,
    *,
    wait_always: bool = False,
    observer: VisitObserver = NOT_OBSERVED,
    progress: Progress = no_progress,
) -> AsyncIterator[AllServices]:
    """Make the services, ready to run; a SQLite schema is brought up to date.

    `wait_always` is for one pass: visits wait until what they fetched is settled, and deferred mail is tried
    at once, as no process will run when its retry is due. `observer` is told how visits go on,
    and `progress` how far the file is applied.
    """
    async with (
        single_process_lock(configuration.store.sqlite_path),
        open_runtime(configuration) as runtime,
        _applied(runtime, configuration, progress, at_once=wait_always),
    ):
        if configuration.store.sqlite_path is not None:
            await _release_earlier_process(runtime, broker_was_inside=configuration.broker.in_process)
            await _remove_unrecorded_blobs(runtime)
        name = process_name()
        outcomes = OutcomeCounts()
        yield AllServices(
            runtime,
            build_fetcher(configuration, runtime, name=name, wait_always=wait_always, observer=observer),
            build_router(configuration, runtime, retries_at_once=wait_always),
            build_relay(configuration, runtime, name=name, observe_outcome=outcomes.record_outcome),
            outcomes,
        )


@asynccontextmanager
async def _applied(
    runtime: Runtime, configuration: Configuration, progress: Progress, *, at_once: bool
) -> AsyncIterator[None]:
    """Apply the file before, or where the database is away and not `at_once`, as soon as it is there."""
    later: asyncio.Task[None] | None = None
    try:
        await apply_configuration(runtime, configuration, progress)
    except MailferryError as error:
        if at_once or not isinstance(error, DATABASE_AWAY):
            raise
        log.warning("configuration is applied later", error=error)
        later = asyncio.ensure_future(_apply_later(runtime, configuration))
    try:
        yield
    finally:
        if later is not None:
            later.cancel()


async def _apply_later(runtime: Runtime, configuration: Configuration) -> None:
    """Apply the file as soon as that is possible; log what makes it impossible."""
    failures = 0
    while True:
        await runtime.clock.sleep(APPLY_BACKOFF.pause(failures))
        try:
            await apply_configuration(runtime, configuration)
        except MailferryError as error:
            failures += 1
            if not isinstance(error, DATABASE_AWAY):
                log.error("configuration not applied", error=error)
                return
        else:
            return


async def apply_configuration(
    runtime: Runtime, configuration: Configuration, progress: Progress = no_progress
) -> None:
    """Bring what the file says of tenants, targets and accounts into the registry.

    Raises `ConfigurationError` where somebody else manages them, and what the store raises.
    """
    applier = Applier(runtime.store.registry, runtime.registry.box, runtime.clock, progress)
    applied = await applier.apply(configuration)
    for action, count in Counter(each.action for each in applied).items():
        log.info("configuration applied", action=action.value, objects=count)
    await runtime.registry.refresh()


async def _release_earlier_process(runtime: Runtime, *, broker_was_inside: bool) -> None:
    """End the leases of an earlier process: the lock makes sure that it has ended."""
    await runtime.store.maintenance.end_leases()
    reached("standalone.leases-ended")
    if broker_was_inside:
        lost = await runtime.store.maintenance.lose_all(
            "the process with its broker was restarted", runtime.clock.now()
        )
        if lost:
            log.info("mails in flight are fetched again", count=lost)


async def _remove_unrecorded_blobs(runtime: Runtime) -> None:
    """Remove blobs that an earlier process stored and did not record, because it was killed in between.

    No other process works on this database. Blobs that may belong to another database are left alone.
    """
    try:
        async with asyncio.timeout(BLOB_CHECK_TIMEOUT):
            marker, epoch = await read_backup_marker(runtime.blobs), await runtime.store.maintenance.epoch()
            if marker is None or sign_of_restore(epoch, marker) or epoch.paused_since is not None:
                return
            removed = await BlobSweep(
                runtime.blobs, runtime.store.maintenance, runtime.clock
            ).remove_all_unknown()
    except (MailferryError, TimeoutError) as error:
        log.warning("blobs without a mail are left for the sweep", error=error)
        return
    if removed:
        log.info("blobs removed that an earlier process had not recorded", removed=removed)


async def run(configuration: Configuration, load: Callable[[], Configuration] | None = None) -> None:
    """Run until a signal ends the process; `load` reads the configuration again on HUP."""
    async with all_services(configuration) as made:
        services: dict[str, Service] = {
            "fetcher": made.fetcher,
            "router": made.router,
            "relay": made.relay,
        }
        if made.runtime.token_keeper is not None:
            services["tokens"] = made.runtime.token_keeper
        apply = partial(apply_configuration, made.runtime)
        if configuration.control.listen is not None:
            await _add_control(services, configuration, made.runtime)
        await run_services(services, made.runtime, configuration, load, apply)


async def _add_control(services: dict[str, Service], configuration: Configuration, runtime: Runtime) -> None:
    """Add the control service, and show at the first start how somebody signs in."""
    from services.standalone.control import (  # noqa: PLC0415 - `once` needs no HTTP server
        control_service,
        first_sign_in_link,
    )

    service = control_service(configuration, runtime)
    if service is None:
        return
    services["control"] = service
    try:
        link = await first_sign_in_link(configuration, runtime)
    except MailferryError as error:
        log.warning("nobody was given a link to sign in with", error=error)
        return
    if link is not None:
        sys.stdout.write(f"Nobody can sign in yet. This link signs you in once, within a day: {link}\n")
        sys.stdout.flush()
