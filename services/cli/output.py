"""Writes results: tables for people, JSON for programs.

Text from mails and servers is never read as markup, and never reaches a terminal with control characters.
A large table is written in plain columns, one line for each row: a table that wraps takes a millisecond for
each row, and in thousands of rows people search, which is easiest where a row is one line.
"""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import click
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.model.errors import quoted

PIPED_WIDTH = 120
MAX_CELL_LENGTH = 1000
DASH = "–"
PLAIN_FROM = 500
"""Rows from which on a table is written in plain columns."""
GAP = "  "
NOTE_INDENT = " " * 8
READABLE_WIDTH = 24
"""Of a column that wraps."""
MAX_COLUMN_WIDTH = 60
"""Of a plain column that is not the last: a wider cell moves the rest of its own line."""
MOMENTS = frozenset({"at", "since", "until"})
"""Keys of moments in JSON, beside those that end with `_at`, `_since` or `_until`."""
Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the row's `key` under a title. A `number` is aligned right; a `whole` cell does
    not wrap; an `optional` column is left out where the terminal is too narrow for all.
    """

    key: str
    title: str
    number: bool = False
    whole: bool = False
    optional: bool = False


def console(*, error: bool = False) -> Console:
    """Return the console to write to, as wide as the terminal, or of a fixed width where there is none."""
    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False, soft_wrap=False)


def write_rows(rows: Sequence[Row], columns: Sequence[Column], form: str, note: str | None = None) -> None:
    """Write the rows as a table, or as JSON with all their keys; with a `note`, what they have under this key
    on lines of its own.
    """
    if form == "json":
        write_json(rows)
    elif note is not None:
        print_noted(console(), rows, columns, note)
    else:
        print_table(console(), rows, columns)


def print_table(screen: Console, rows: Sequence[Row], columns: Sequence[Column]) -> None:
    """Write the rows as a table; very many of them in plain columns."""
    if len(rows) < PLAIN_FROM:
        screen.print(table(rows, _fitting(rows, columns, screen.width)))
        return
    written = [[_written(row.get(column.key)) for column in columns] for row in rows]
    titles, right = [column.title for column in columns], [column.number for column in columns]
    screen.file.write(_plain_columns(titles, written, right))


def print_noted(
    screen: Console, rows: Sequence[Row], columns: Sequence[Column], note: str, title: str = "Why"
) -> None:
    """Write each row in one line, with what it has under the key `note` on lines of its own below; of very
    many rows in a last column with that `title`.

    No word is broken: whoever reads a name copies it. A name that is too long moves the rest of its own line.
    The first column has its colour.
    """
    if len(rows) >= PLAIN_FROM:
        print_table(screen, rows, (*columns, Column(note, title)))
        return
    chosen = _fitting(rows, columns, screen.width)
    widths, right = _widths(rows, chosen), [each.number for each in chosen]
    screen.print(Text(_line([each.title for each in chosen], widths, right), "bold"), soft_wrap=True)
    for row in rows:
        cells = [cell(row.get(each.key)) for each in chosen]
        line = Text(_line([each.plain for each in cells], widths, right))
        if cells[0].style:
            line.stylize(cells[0].style, 0, len(cells[0].plain))
        screen.print(line, soft_wrap=True)
        if said := row.get(note):
            screen.print(Text(_indented(str(said), screen.width)), soft_wrap=True)


def _indented(text: str, width: int) -> str:
    """The lines of a note, each filled for itself."""
    return "\n".join(filled(quoted(line, MAX_CELL_LENGTH), width, NOTE_INDENT) for line in text.split("\n"))


def filled(text: str, width: int, indent: str = "") -> str:
    """Return the text in lines of this width. No word is broken."""
    return textwrap.fill(
        text,
        max(width, READABLE_WIDTH),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _widths(rows: Sequence[Row], columns: Sequence[Column]) -> list[int]:
    """The widths of plain columns."""
    written = [[each.title, *(_written(row.get(each.key)) for row in rows)] for each in columns]
    return [min(MAX_COLUMN_WIDTH, max(map(cell_len, each))) for each in written]


def write_json(value: object) -> None:
    """Write the value as JSON. Moments are written as ISO 8601 in UTC."""
    click.echo(json.dumps(_with_moments(value), indent=2, ensure_ascii=False, default=str))


def write_result(form: str, sentence: str, facts: Mapping[str, object]) -> None:
    """Write what a command did: as a sentence for people, or its facts as JSON."""
    if form == "json":
        write_json(facts)
    else:
        click.echo(sentence)


def _with_moments(value: object, key: str = "") -> object:
    """Return the value with moments (seconds since the epoch, by the name of their key) as ISO 8601."""
    if isinstance(value, Mapping):
        return {str(name): _with_moments(each, str(name)) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_with_moments(each, key) for each in value]
    is_moment = key in MOMENTS or key.endswith(("_at", "_since", "_until"))
    if is_moment and isinstance(value, int | float) and not isinstance(value, bool):
        return iso(value)
    return value


def table(rows: Sequence[Row], columns: Sequence[Column]) -> Table:
    """Return a table without borders, which can be read when piped, too."""
    made = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold"
    )
    for column in columns:
        justify: Literal["right", "left"] = "right" if column.number else "left"
        made.add_column(
            column.title,
            justify=justify,
            no_wrap=column.whole,
            overflow="fold",
            min_width=_least_width(column, rows) if column.number else None,
        )
    for row in rows:
        made.add_row(*(cell(row.get(column.key)) for column in columns))
    return made


def cell(value: object) -> Text:
    """Return a value made printable."""
    return value if isinstance(value, Text) else Text(_written(value))


def _written(value: object) -> str:
    if isinstance(value, Text):
        return value.plain
    return DASH if value is None or value == "" else quoted(str(value), MAX_CELL_LENGTH)


def iso(seconds: float | None) -> str | None:
    """Return a time (seconds since the epoch) for programs."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def _fitting(rows: Sequence[Row], columns: Sequence[Column], width: int) -> Sequence[Column]:
    """Return the columns that fit a terminal: optional ones are left out, the last first."""
    chosen = list(columns)
    for column in reversed(columns):
        needed = sum(_least_width(each, rows) + len(GAP) for each in chosen)
        if needed > width + len(GAP) and column.optional:
            chosen.remove(column)
    return chosen


def _least_width(column: Column, rows: Sequence[Row]) -> int:
    """Return the width that a column needs to be readable; titles may wrap between words."""
    title = max(map(cell_len, [column.title] if column.whole else column.title.split()))
    widest = max((cell_len(_written(row.get(column.key))) for row in rows), default=0)
    return max(title, widest if column.whole or column.number else min(widest, READABLE_WIDTH))


def _plain_columns(titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """Return the rows under their titles; columns for which `right` is true are aligned right."""
    widths = [
        min(MAX_COLUMN_WIDTH, max(cell_len(title), *(cell_len(each) for each in column), 0))
        for title, column in zip(titles, zip(*rows, strict=True), strict=True)
    ]
    rule = GAP.join("─" * width for width in widths)
    return "\n".join([_line(titles, widths, right), rule, *(_line(row, widths, right) for row in rows), ""])


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        " " * (width - cell_len(text)) + text if is_right else text + " " * (width - cell_len(text))
        for text, width, is_right in zip(cells, widths, right, strict=True)
    ]
    return GAP.join(padded).rstrip()
