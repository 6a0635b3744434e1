"""Moves an installation to another database: from SQLite to PostgreSQL, or back."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import NamedTuple

from shared.adapters.sql import open_store
from shared.adapters.sql.copying import NotCopied, copy_database
from shared.adapters.system_clock import SystemClock
from shared.config import Configuration
from shared.model.progress import Progress
from shared.runtime.secret_keys import key_ring
from shared.runtime.single_process_lock import single_process_lock


class Copied(NamedTuple):
    """How many rows were copied, and how many mails in flight are to be fetched again."""

    rows: int
    lost: int


async def copy_installation(source: Configuration, target: Configuration, progress: Progress) -> Copied:
    """Copy the database of one configuration into that of another one, which has to be empty.

    Nobody may work on either. `progress` is told the table, and how many rows of how many were copied. Raises
    `NotCopied`, `AlreadyRunning`, `KeysUnusable`, and what the store raises.
    """
    clock = SystemClock()
    old, new = (each.store.url.get_secret_value() for each in (source, target))
    if source.blobs.url != target.blobs.url:
        raise NotCopied(
            f"{target.document.origin} names other blobs ({target.blobs.url}) than {source.document.origin} "
            f"({source.blobs.url}), and blobs are not copied: name the same ones in both"
        )
    async with AsyncExitStack() as stack:
        paths = {each.store.sqlite_path for each in (source, target)} - {None}
        if old != new:
            for path in sorted(path for path in paths if path is not None):
                await stack.enter_async_context(single_process_lock(path))
        await _check_keys(source, target)
        rows = await asyncio.to_thread(copy_database, old, new, clock.now(), progress)
        return Copied(rows, await _lose_in_flight(source, target, clock.now()))


async def _check_keys(source: Configuration, target: Configuration) -> None:
    """Raise `NotCopied` where the secrets could not be opened with the keys of the new configuration."""
    store = open_store(source.store.url.get_secret_value(), deadline=source.store.deadline)
    try:
        await store.check()
        needed = set(await store.secrets.key_counts())
    finally:
        await store.close()
    if not needed:
        return
    ring = key_ring(target.secrets)
    keys = None if ring is None or _is_missing(target) else ring.keys()
    known = set() if keys is None else {*keys.by_id}
    if missing := sorted(needed - known):
        where = source.secrets.key_file
        kept = f"copy {where} to a safe place and" if where is not None else "take the key along and"
        raise NotCopied(
            f"the secrets are sealed under {' and '.join(missing)}, which {target.document.origin} does not "
            f"name; {kept} name it in its [secrets] key_file. Each machine needs it"
        )


def _is_missing(configuration: Configuration) -> bool:
    """Whether the key file beside a SQLite database is yet to be made."""
    file = configuration.secrets.key_file
    return configuration.secrets.file is None and file is not None and not file.exists()


async def _lose_in_flight(source: Configuration, target: Configuration, now: float) -> int:
    """Have mails fetched again whose events were in the process that ended."""
    if not source.broker.in_process:
        return 0
    store = open_store(target.store.url.get_secret_value(), deadline=target.store.deadline)
    try:
        return await store.maintenance.lose_all("the database was copied", now)
    finally:
        await store.close()
