"""Splits comma-separated text into records, each with the line that it begins on."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from shared.importing.result import UnreadableImport

DELIMITERS = (";", "\t", ",")
"""Tried in this order where a line has several equally often: a comma also stands inside values."""
FIELD_LIMIT = 1 << 20
"""Characters: more than any value of an account has."""


class Record(NamedTuple):
    """The values of one record, which begins on `line`."""

    line: int
    values: Sequence[str]


def delimiter_of(header: str) -> str:
    """Return the delimiter that is most frequent in the header line, outside quotation marks."""
    outside = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=outside.count)


def records(text: str, delimiter: str, first_line: int = 1) -> Iterator[Record]:
    """Yield the records of a text whose line end is LF, blank lines left out. Raises `UnreadableImport`.

    A value in quotation marks may have the delimiter, line ends and doubled marks in it (RFC 4180).
    """
    lines = text.split("\n")
    csv.field_size_limit(FIELD_LIMIT)
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=True)
    before = 0
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            line = first_line + before
            raise UnreadableImport(line, f"the quotation marks of this record do not fit: {error}") from None
        line, before = first_line + before, reader.line_num
        if any(value.strip() for value in values):
            yield Record(line, [value.rstrip("\n") for value in values])
