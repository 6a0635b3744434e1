"""One process at a time on a SQLite database: a second one would take the first one's mail for lost.

The right goes by the file (its device and inode), not by the name: the lock file lies beside the file that
symbolic links lead to, a file with a second hard link is refused, and the database itself is locked, too,
which holds where it is mounted in a second place. The database is opened only by who has the lock file: a
process that closes a file loses the locks that SQLite holds on it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from shared.adapters.sqlite_file import real_file
from shared.model.errors import Fault, MailferryError

PATIENCE = 15.0
"""Seconds: longer than the store waits for a database that is locked."""
LOOK_AGAIN = 0.05


class AlreadyRunning(MailferryError):
    """Another process works on the same database."""

    fault = Fault.OPERATOR


@asynccontextmanager
async def alone(database: Path | None) -> AsyncIterator[None]:
    """Hold the right to work on the database file; None, for a database that takes any number, needs none.

    Raises `AlreadyRunning` with the other's process id, and what `real_file` raises. The right ends with the
    process, however it ends. Where the process that the lock names is no more, its end is waited for: the
    kernel may still be finishing what it wrote, or another process has the lock and has not yet written its
    id.
    """
    if database is None:
        yield
        return
    database = real_file(database)
    lock = database.with_name(database.name + ".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError as error:
        raise MailferryError(
            f"the directory {lock.parent} of the database does not exist; "
            "make it, for Mailferry's user alone",
            temporary=False,
            fault=Fault.OPERATOR,
        ) from error
    except OSError as error:
        raise MailferryError(
            f"the lock file {lock} cannot be opened: {error.strerror}", temporary=False, fault=Fault.OPERATOR
        ) from error
    try:
        await _hold(descriptor, lock)
        with _locked(database, lock):
            yield
    finally:
        os.close(descriptor)


@contextmanager
def _locked(database: Path, lock: Path) -> Iterator[None]:
    """Lock the database itself, where there is one yet. SQLite's own locks are of another kind."""
    try:
        descriptor = os.open(database, os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # none yet, or one that the store complains of in better words
        yield
        return
    try:
        if not _is_ours(descriptor):
            raise AlreadyRunning(
                f"another mailferry works on this database under another name than {database} (its lock is "
                f"not {lock}); end it first, or let it do the work"
            )
        yield
    finally:
        os.close(descriptor)


async def _hold(descriptor: int, lock: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not _is_ours(descriptor):
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        if _is_alive(holder) or time.monotonic() > end:
            raise AlreadyRunning(
                f"another mailferry works on this database (process {holder or 'unknown'}, lock {lock}); "
                "end it first, or let it do the work"
            )
        await asyncio.sleep(LOOK_AGAIN)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)


def _is_ours(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(process: str) -> bool:
    """Whether the process is there, as far as can be known."""
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
