"""The rows of a few mails that `mailferry once` carried."""

from __future__ import annotations

import sqlite3
import subprocess
from collections import defaultdict
from contextlib import closing
from pathlib import Path

from bench.ferry import COMMAND, embedded
from bench.mail_templates import Story
from bench.source import Source
from shared.adapters.sql.bulk import Row
from shared.adapters.sql.rows import BATCH, CLAIM, MESSAGE, RECIPIENT, entry_of, journal_row
from shared.contract.codec import unpack_bodies
from tests.servers.smtp_sink import SmtpSink

OF_MESSAGE = (
    f"SELECT message, {', '.join(RECIPIENT)} FROM recipients ORDER BY message, address",  # noqa: S608 - our own columns
    f"SELECT holder, {', '.join(CLAIM)} FROM claims ORDER BY holder, address",  # noqa: S608 - our own columns
)
JOURNAL = "SELECT kind, body FROM journal ORDER BY seq"
MESSAGES = f"SELECT {', '.join(MESSAGE)} FROM messages ORDER BY account, id"  # noqa: S608 - our own columns


def carried(source: Source, sink: SmtpSink, home: Path) -> list[Story]:
    """Carry all mails. A second pass then records that they left the source."""
    embedded(source, sink, home)
    work = home / f"embedded-{source.protocol}"
    again = [str(COMMAND), "once", "-c", str(work / "mailferry.toml")]
    with (home / "again.log").open("wb") as log:
        subprocess.run(again, check=True, stdout=log, stderr=log)
    return stories(work / "mailferry.db")


def stories(path: Path) -> list[Story]:
    """All mails in a SQLite file, in the order of their accounts."""
    with closing(sqlite3.connect(path)) as connection:
        found = [_by_message(connection, query) for query in OF_MESSAGE]
        found.append(_entries(connection))
        messages = connection.execute(MESSAGES).fetchall()
    return [Story(row, *(rows[row[0]] for rows in found)) for row in messages]


def _by_message(connection: sqlite3.Connection, query: str) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in connection.execute(query):
        rows[row[0]].append(row[1:])
    return rows


def _entries(connection: sqlite3.Connection) -> dict[str, list[Row]]:
    """The entries of each message as single rows, which is how the templates write them."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for kind, stored in connection.execute(JOURNAL):
        for body in [each for _, each in unpack_bodies(stored)] if kind == BATCH else [stored]:
            entry = entry_of(body)
            rows[entry.message].append(journal_row(entry))
    return rows
