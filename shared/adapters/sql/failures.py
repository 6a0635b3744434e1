"""What an error of the database means: try again at once, store unavailable, or a defect of Mailferry."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from shared.model.errors import MailferryError, quoted
from shared.ports.store import SchemaOutdated, StoreDamaged, StoreUnavailable

CONFLICTS = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock not available."""
OUR_CLASSES = ("0A", "21", "22", "23", "25", "34", "42", "54")
"""The classes of SQLSTATE that mean a mistake in a statement or its values (PostgreSQL, appendix A): not
supported, cardinality, data, constraint, transaction state, names of cursors, syntax or names, limits of the
program. All others concern the server, the network, or how the server was set up.
"""
READ_ONLY = "25006"
NOT_OURS = frozenset(
    {
        READ_ONLY,
        "25P03",  # idle in transaction: this process was stopped for long
        "25P04",  # transaction timeout, which we do not set
        "42P05",  # a prepared statement exists already: a pooler gave us another client's session
        "42501",  # insufficient privilege: an administrator's decision
    }
)
NO_SUCH_TABLE = frozenset({"42P01", "42703", "3F000"})


DAMAGED = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})


def sqlstate(error: DBAPIError) -> str:
    """Return PostgreSQL's code for the error, or an empty text."""
    return getattr(error.orig, "sqlstate", None) or ""


def is_conflict(error: DBAPIError) -> bool:
    """Return whether the same transaction may succeed when it is run again now."""
    return sqlstate(error) in CONFLICTS or _sqlite_code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def is_lost_connection(error: DBAPIError) -> bool:
    """Return whether the connection, and with it the transaction, is lost."""
    return error.connection_invalidated or sqlstate(error).startswith(("08", "57P"))


def is_read_only(error: DBAPIError) -> bool:
    """Return whether the server allows only reading, at least to sessions that began when this one did."""
    return sqlstate(error) == READ_ONLY


def meaning(error: DBAPIError, database: str) -> MailferryError | None:
    """Return the error for the operator; None for a defect of Mailferry. `database` is its name in errors."""
    if _is_damaged(error):
        return damaged(database, _reason(error))
    if (
        sqlstate(error) in NO_SUCH_TABLE
        or "no such table" in str(error.orig)
        or "no such column" in str(error.orig)
    ):
        return SchemaOutdated(
            f"{database} lacks tables that this Mailferry needs: run `mailferry db upgrade`"
        )
    if is_conflict(error):
        return StoreUnavailable(f"{database} is too busy: {_reason(error)}")
    if is_read_only(error):
        return StoreUnavailable(
            f"{database} may only be read (a standby, or default_transaction_read_only is on): "
            f"{_reason(error)}"
        )
    if is_lost_connection(error) or not _is_ours(error):
        return StoreUnavailable(f"{database} cannot be used: {_reason(error)}")
    return None


def damaged(database: str, reason: str) -> StoreDamaged:
    """Return the error for a file that is no database, or a broken one, with what can be done about it."""
    return StoreDamaged(
        f"{database} is damaged: {reason}. Stop Mailferry and put the file aside, with its "
        "-wal and -shm. "
        "Then restore a backup, or save what can be read (`sqlite3 FILE .recover | sqlite3 NEW`), put that "
        "in the file's place and run `mailferry journal rebuild`. What was not delivered yet is still at its "
        "source or in the blobs: remove neither"
    )


def _is_ours(error: DBAPIError) -> bool:
    """Whether the statement is at fault.

    Errors of the driver have no SQLSTATE and are judged by their class.
    """
    if code := sqlstate(error):
        return code.startswith(OUR_CLASSES) and code not in NOT_OURS
    return not isinstance(error, (OperationalError, InterfaceError))


def _is_damaged(error: DBAPIError) -> bool:
    """Whether SQLite met a file that is no database, or one that is broken."""
    return _sqlite_code(error) in DAMAGED


def _reason(error: DBAPIError) -> str:
    """The first line that the driver gives; it names host, port and user, but never the password."""
    lines = str(error.orig).strip().splitlines()
    return quoted(lines[0]) if lines else type(error.orig).__name__


def _sqlite_code(error: DBAPIError) -> int | None:
    code = getattr(error.orig, "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF
