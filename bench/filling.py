"""Databases filled at once with many mails: all indexes present, in the order of time, as if over weeks.

Afterwards PostgreSQL is vacuumed and analysed, as autovacuum would have done by then. SQLite is not analysed,
since Mailferry does not do that either.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from random import Random

import psycopg
from sqlalchemy import Table

from bench.mail_templates import MailTemplate, Story
from shared.adapters.sql.bulk import Row
from shared.adapters.sql.engine import parse_url
from shared.adapters.sql.rows import CLAIM, ENTRY, MESSAGE, RECIPIENT
from shared.adapters.sql.tables import claims, journal, messages, recipients

SEED = 20261122
HASTY = ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000")
"""Nothing else reads SQLite while it is filled, and a crash means to begin again."""

COLUMNS = {messages: MESSAGE, recipients: RECIPIENT, claims: CLAIM, journal: ENTRY}

Batch = Mapping[Table, Sequence[Row]]
Filler = Generator[None, Batch]


def fill(urls: Sequence[str], templates: Sequence[MailTemplate], generations: int, seconds: float) -> None:
    """Insert `generations` mails of each template into all of these databases.

    The oldest were carried `seconds` before the templates, and the others evenly since.
    """
    with ExitStack() as stack:
        fillers = [stack.enter_context(filler_of(url)) for url in urls]
        for batch in _batches(templates, generations, seconds):
            for filler in fillers:
                filler.send(batch)


def _batches(templates: Sequence[MailTemplate], generations: int, seconds: float) -> Iterator[Batch]:
    random = Random(SEED)
    for generation in range(generations):
        age = seconds * (generations - 1 - generation) / generations
        first = generation * len(templates)
        yield _rows(
            [template.make_rows(number, age, random) for number, template in enumerate(templates, first)]
        )


def _rows(stories: Sequence[Story]) -> Batch:
    return {
        messages: [story.message for story in stories],
        recipients: [row for story in stories for row in story.recipients],
        claims: [row for story in stories for row in story.claims],
        journal: [row for story in stories for row in story.journal],
    }


@contextmanager
def filler_of(url: str) -> Iterator[Filler]:
    """Yield what takes rows for a database: those of `COLUMNS`, and whole rows of other tables."""
    database = parse_url(url)
    filler = _postgres(url) if database.path is None else _sqlite(database.path)
    next(filler)
    yield filler
    filler.close()


def _sqlite(path: Path) -> Filler:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for setting in HASTY:
            connection.execute(f"PRAGMA {setting}")
        connection.execute("BEGIN")
        try:
            while True:
                for table, rows in (yield).items():
                    connection.executemany(_insert(table), rows)
        except GeneratorExit:
            connection.execute("COMMIT")


def _columns(table: Table) -> Sequence[str]:
    numbered = table.autoincrement_column  # by the database
    return COLUMNS.get(table) or [each.name for each in table.columns if each is not numbered]


def _insert(table: Table) -> str:
    columns = _columns(table)
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - names of our own tables


def _postgres(url: str) -> Filler:
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        try:
            while True:
                for table, rows in (yield).items():
                    with cursor.copy(
                        f"COPY {table.name} ({', '.join(_columns(table))}) FROM STDIN".encode()
                    ) as copy:
                        for row in rows:
                            copy.write_row(row)
        except GeneratorExit:
            connection.commit()
            connection.autocommit = True
            connection.execute("VACUUM (ANALYZE)")
            connection.execute("CHECKPOINT")
