"""Large tables in plain columns: one line for each row, nothing wrapped.

A table that wraps makes a paragraph of every cell, which takes a millisecond for each row; and nobody reads
thousands of rows but by searching them, where a row is best one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

GAP = "  "
WIDEST = 60
"""Of a column that is not the last: what is wider moves the rest of its own line."""


def plain_columns(titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """The rows under their titles; columns for which `right` is true stand on the right."""
    widths = [
        min(WIDEST, max(cell_len(title), *(cell_len(each) for each in column), 0))
        for title, column in zip(titles, zip(*rows, strict=True), strict=True)
    ]
    rule = GAP.join("─" * width for width in widths)
    return "\n".join([_line(titles, widths, right), rule, *_lines(rows, widths, right), ""])


def _lines(rows: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[bool]) -> Iterator[str]:
    for row in rows:
        yield _line(row, widths, right)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        " " * (width - cell_len(text)) + text if is_right else text + " " * (width - cell_len(text))
        for text, width, is_right in zip(cells, widths, right, strict=True)
    ]
    return GAP.join(padded).rstrip()
