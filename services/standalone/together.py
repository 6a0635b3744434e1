"""The three services in one process.

With the in-process broker the events of an earlier process are no more; what it had in flight is declared
lost at once, so that it is fetched again without waiting for leases. On SQLite the earlier process itself is
known to be no more, so that its accounts are free at once, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from services.fetcher.build import build_fetcher
from services.fetcher.service import Fetcher
from services.relay.build import build_relay
from services.relay.maintenance.sweep import Sweep
from services.relay.service import Relay
from services.router.build import build_router
from services.router.service import Router
from services.standalone.alone import alone
from services.standalone.tally import Tally
from shared.config import Configuration
from shared.model.errors import MailferryError
from shared.runtime.backup_marker import read_backup_marker, sign_of_restore
from shared.runtime.checkpoints import reached
from shared.runtime.opening import open_runtime
from shared.runtime.process_name import process_name
from shared.runtime.run_services import Service, run_services
from shared.runtime.runtime import Runtime

LONGEST_LOOK = 10.0
"""Seconds that a start waits for blobs to be looked through."""

log = structlog.get_logger("mailferry.standalone")


@dataclass(frozen=True, slots=True)
class Together:
    """The services, what is around them, and what became of the mail since they were made."""

    around: Runtime
    fetcher: Fetcher
    router: Router
    relay: Relay
    tally: Tally


@asynccontextmanager
async def together(configuration: Configuration, *, wait_always: bool = False) -> AsyncIterator[Together]:
    """The services, ready to run, on a schema that is up to date where it is SQLite.

    With `wait_always` for one pass: visits wait until what they fetched is settled, and deferred mail is
    tried at once, as nobody is there when its retry is due.
    """
    async with alone(configuration.store.sqlite_path), open_runtime(configuration) as around:
        if configuration.store.sqlite_path is not None:
            await _begin_anew(around, broker_was_inside=configuration.broker.in_process)
            await _remove_forgotten(around)
        name = process_name()
        tally = Tally()
        yield Together(
            around,
            build_fetcher(configuration, around, name=name, wait_always=wait_always),
            build_router(configuration, around, retries_at_once=wait_always),
            build_relay(configuration, around, name=name, observe=tally.observe),
            tally,
        )


async def _begin_anew(around: Runtime, *, broker_was_inside: bool) -> None:
    """What an earlier process held is free: nobody else works on this database, as `alone` made sure."""
    await around.store.end_leases()
    reached("standalone.leases-ended")
    if broker_was_inside:
        lost = await around.store.lose_all("the process with its broker was restarted", around.clock.now())
        if lost:
            log.info("mails in flight are fetched again", count=lost)


async def _remove_forgotten(around: Runtime) -> None:
    """An earlier process may have been killed between storing a blob and recording it: what the database does
    not know is nobody's, as nobody else works on it. Where the blobs are another database's, or that cannot
    be told now, they are left alone.
    """
    try:
        async with asyncio.timeout(LONGEST_LOOK):
            witness, epoch = await read_backup_marker(around.blobs), await around.store.epoch()
            if witness is None or sign_of_restore(epoch, witness) or epoch.paused_since is not None:
                return
            removed = await Sweep(around.blobs, around.store, around.clock).remove_forgotten()
    except (MailferryError, TimeoutError) as error:
        log.warning("blobs without a mail are left for the sweep", error=error)
        return
    if removed:
        log.info("blobs removed that an earlier process had not recorded", removed=removed)


async def run(configuration: Configuration, load: Callable[[], Configuration] | None = None) -> None:
    """Run until a signal ends the process; `load` reads the configuration again, on HUP."""
    async with together(configuration) as all_three:
        services: dict[str, Service] = {
            "fetcher": all_three.fetcher,
            "router": all_three.router,
            "relay": all_three.relay,
        }
        await run_services(services, all_three.around, configuration, load)
