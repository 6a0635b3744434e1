"""Records of comma-separated text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.importing.result import UnreadableImport
from shared.importing.tabular import delimiter_of, records
from tests.fakes.imports import read_or_refused


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [("a,b,c", ","), ("a;b;c", ";"), ("a\tb\tc", "\t"), ('"a,b,c";d;e', ";"), ("a", ";"), ("a,b;c;d", ";")],
)
def test_the_delimiter_is_the_most_frequent_outside_quotation_marks(header: str, delimiter: str) -> None:
    assert delimiter_of(header) == delimiter


def test_each_record_knows_the_line_that_it_begins_on() -> None:
    found = list(records('a,b\n\n"c\nd",e\nf,g', ","))
    assert found == [(1, ["a", "b"]), (3, ["c\nd", "e"]), (5, ["f", "g"])]


def test_marks_are_doubled_within_marks() -> None:
    assert list(records('"a ""b"" c",d', ",")) == [(1, ['a "b" c', "d"])]


@pytest.mark.parametrize("text", ['a,b\n"c"d,e', 'a,b\n"c,d'])
def test_marks_that_do_not_fit_are_named_with_their_line(text: str) -> None:
    with pytest.raises(UnreadableImport, match="line 2: the quotation marks"):
        list(records(text, ","))


@given(st.text(alphabet='ab",;\t\n\r'))
def test_any_text_gives_records_or_a_line(text: str) -> None:
    found = read_or_refused(lambda: list(records(text, ",")))
    if isinstance(found, UnreadableImport):
        assert 1 <= found.line <= text.count("\n") + 1
    else:
        assert [each.line for each in found] == sorted({each.line for each in found})
