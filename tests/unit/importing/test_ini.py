"""INI files with the line of each value."""

from __future__ import annotations

import configparser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.importing.ini import sections
from shared.importing.result import UnreadableImport
from tests.fakes.imports import read_or_refused


def test_values_know_their_line_and_go_on_where_lines_are_indented() -> None:
    found = sections("[a]\nx = 1\n# no\ny: (2,\n   3)\n\n[b]\nz=\n")
    assert found["a"].options == {"x": ("1", 2), "y": ("(2,\n3)", 4)}
    assert found["b"].options == {"z": ("", 8)}


def test_names_are_in_lower_case() -> None:
    assert list(sections("[a]\nSSL_Version = x")["a"].options) == ["ssl_version"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x = 1", "line 1: expected"),
        ("[a]\n[a]", r"line 2: there is a second \[a\]"),
        ("[a]\nx = 1\nx = 2", 'line 3: "x" is given twice'),
        ("[a]\n\nnothing", "line 3: expected"),
        ("[a]\n  x", "line 2: expected"),
    ],
)
def test_what_is_no_ini_file_is_refused_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(UnreadableImport, match=problem):
        sections(text)


@given(st.text(alphabet="[]ab=: \n#;\t"))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    found = read_or_refused(lambda: sections(text))
    assert not isinstance(found, UnreadableImport) or 1 <= found.line <= text.count("\n") + 1


LINES = ["[a]", "[b]", "x = 1", "y: 2", "z = a = b", "  more", "# c", "; d", "", "w ="]


@given(st.lists(st.sampled_from(LINES)).map("\n".join))
def test_it_reads_what_configparser_reads(text: str) -> None:
    theirs = configparser.RawConfigParser()
    try:
        theirs.read_string(text)
    except configparser.Error:
        return
    ours = sections(text)
    assert {
        name: {key: value.text for key, value in section.options.items()} for name, section in ours.items()
    } == {name: dict(theirs.items(name)) for name in theirs.sections()}
