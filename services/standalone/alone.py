"""One process at a time on a SQLite database: a second one would take the first one's mail for lost."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.model.errors import Fault, MailferryError


class AlreadyRunning(MailferryError):
    """Another process works on the same database."""

    fault = Fault.OPERATOR


@contextmanager
def alone(database: Path | None) -> Iterator[None]:
    """Hold the right to work on the database file; None, for a database that takes any number, needs none.

    Raises `AlreadyRunning` with the other's process id. The right ends with the process, however it ends.
    """
    if database is None:
        yield
        return
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
        _hold(descriptor, lock)
        yield
    finally:
        os.close(descriptor)


def _hold(descriptor: int, lock: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
        raise AlreadyRunning(
            f"another mailferry works on this database (process {holder}, lock {lock}); "
            "end it first, or let it do the work"
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
