"""How results are written: tables for people, JSON for programs.

Text from mails and servers is never read as markup, and never reaches a terminal with control characters.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.cli.columns import plain_columns
from shared.model.errors import quoted

PIPED_WIDTH = 120
CELL_LENGTH = 1000
DASH = "–"
MANY = 500
"""Rows from which on a table is written in plain columns."""
Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the row's `key` under a title; numbers stand on the right."""

    key: str
    title: str
    number: bool = False
    whole: bool = False


def console(*, error: bool = False) -> Console:
    """Where to write; as wide as the terminal, or of a fixed width where there is none."""
    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False, soft_wrap=False)


def write_rows(rows: Sequence[Row], columns: Sequence[Column], form: str) -> None:
    """The rows as a table, or as JSON with all that they have."""
    if form == "json":
        write_json(rows)
    else:
        print_table(console(), rows, columns)


def print_table(screen: Console, rows: Sequence[Row], columns: Sequence[Column]) -> None:
    """The rows as a table; very many of them in plain columns, a line for each."""
    if len(rows) < MANY:
        screen.print(table(rows, columns))
        return
    written = [[_written(row.get(column.key)) for column in columns] for row in rows]
    titles, right = [column.title for column in columns], [column.number for column in columns]
    screen.file.write(plain_columns(titles, written, right))


def write_json(value: object) -> None:
    """The value as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def table(rows: Sequence[Row], columns: Sequence[Column]) -> Table:
    """A table without frills, which can be read when piped, too."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        justify: Literal["right", "left"] = "right" if column.number else "left"
        made.add_column(column.title, justify=justify, no_wrap=column.whole, overflow="fold")
    for row in rows:
        made.add_row(*(cell(row.get(column.key)) for column in columns))
    return made


def cell(value: object) -> Text:
    """What stands in a cell."""
    return value if isinstance(value, Text) else Text(_written(value))


def _written(value: object) -> str:
    if isinstance(value, Text):
        return value.plain
    return DASH if value is None or value == "" else quoted(str(value), CELL_LENGTH)


def moment(seconds: float | None) -> str | None:
    """A time as people of any country read it, in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def iso(seconds: float | None) -> str | None:
    """A time for programs."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def octets(number: int) -> str:
    """A size as people read it."""
    if number < 1024:
        return f"{number} B"
    size, unit = number / 1024, "KiB"
    for larger in ("MiB", "GiB"):
        if size >= 1024:
            size, unit = size / 1024, larger
    return f"{size:.1f} {unit}"
