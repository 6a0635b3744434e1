"""Lets one process at a time work on a SQLite database: a second one would take the first one's mail for
lost.

The lock is on the file (its device and inode), not on its name. The lock file lies beside the file that
symbolic links lead to. A file with a second hard link is refused. The database itself is locked, too, which
also holds where it is mounted in a second place. Only the holder of the lock file opens the database: a
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

LOCK_TIMEOUT = 15.0
"""Seconds: longer than the store waits for a locked database."""
POLL_INTERVAL = 0.05
"""Seconds."""


class AlreadyRunning(MailferryError):
    """Another process works on the same database."""

    fault = Fault.OPERATOR


@asynccontextmanager
async def single_process_lock(database: Path | None) -> AsyncIterator[None]:
    """Hold the lock of a database file; None is a database that takes any number of processes.

    Raises `AlreadyRunning` with the other's process id, and what `real_file` raises. The lock ends with the
    process, however it ends. If the process that the lock file names has ended, the lock is waited for up to
    `LOCK_TIMEOUT`: the kernel may still be finishing what it wrote, or another process has the lock and has
    not yet written its id.
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
            "create it, for Mailferry's user alone",
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
    """Lock the database itself, if it exists. SQLite's own locks are of another kind."""
    try:
        descriptor = os.open(database, os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # it does not exist yet, or the store says better what is wrong with it
        yield
        return
    try:
        if not _takes_lock(descriptor):
            raise AlreadyRunning(
                f"another mailferry works on this database under another name than {database} (its lock is "
                f"not {lock}); end it first, or let it do the work"
            )
        yield
    finally:
        os.close(descriptor)


async def _hold(descriptor: int, lock: Path) -> None:
    end = time.monotonic() + LOCK_TIMEOUT
    while not _takes_lock(descriptor):
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        if _is_alive(holder) or time.monotonic() > end:
            raise AlreadyRunning(
                f"another mailferry works on this database (process {holder or 'unknown'}, lock {lock}); "
                "end it first, or let it do the work"
            )
        await asyncio.sleep(POLL_INTERVAL)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)


def _takes_lock(descriptor: int) -> bool:
    """Lock the file, unless another process has it locked; return whether it is locked by us."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(process: str) -> bool:
    """Whether the process exists, as far as can be known."""
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
