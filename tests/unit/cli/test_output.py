from __future__ import annotations

import json

import pytest

from services.cli.output import PLAIN_FROM, Column, cell, write_rows

COLUMNS = (Column("name", "Name"), Column("count", "Count", number=True))


def test_a_table_shows_its_columns_only(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows([{"name": "a", "count": 3, "more": "hidden"}], COLUMNS, "table")
    header, _, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["Name", "Count"]
    assert row.split() == ["a", "3"]


def test_json_has_all_that_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"name": "ä", "count": 3, "more": None}]
    write_rows(rows, COLUMNS, "json")
    assert json.loads(capsys.readouterr().out) == rows


def test_text_from_outside_is_neither_markup_nor_a_control_sequence() -> None:
    assert cell("[red]x[/red] \x1b[31m\n").plain == "[red]x[/red] \\x1b[31m\\n"


@pytest.mark.parametrize("nothing", [None, ""])
def test_what_is_not_there_is_a_dash(nothing: object) -> None:
    assert cell(nothing).plain == "–"


def many(*more: dict[str, object]) -> list[dict[str, object]]:
    return [*({"name": f"box{number}", "count": number} for number in range(PLAIN_FROM)), *more]


def test_a_large_table_has_one_line_for_each_row_however_long_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    columns = (*COLUMNS, Column("why", "Why"))
    write_rows(many({"name": "last", "count": 7, "why": "so " * 100}), columns, "table")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + PLAIN_FROM + 1
    assert lines[0].split() == ["Name", "Count", "Why"]
    assert lines[-1].split() == ["last", "7", *["so"] * 100]
    assert lines[-2] == f"box{PLAIN_FROM - 1}    {PLAIN_FROM - 1}  –"


def test_the_columns_of_a_large_table_stand_below_one_another_in_any_script(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_rows(many({"name": "メール", "count": 1}, {"name": "x" * 100, "count": 2}), COLUMNS, "table")
    *_, wide, long = capsys.readouterr().out.splitlines()
    assert wide == "メール" + " " * 54 + "  " + "    1"
    assert long == "x" * 100 + "      2"


def test_a_large_table_shows_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(many({"name": "\x1b[31m\n", "count": 1}), COLUMNS, "table")
    assert "\\x1b[31m\\n" in capsys.readouterr().out.splitlines()[-1]


NARROW = (
    Column("name", "Name", whole=True),
    Column("count", "Number of mails", number=True),
    Column("more", "More", whole=True, optional=True),
)
ROWS = [{"name": "account-1", "count": 7, "more": "x" * 60}]


@pytest.mark.parametrize(("width", "shown"), [(60, False), (100, True)])
def test_an_optional_column_is_left_out_where_the_terminal_is_too_narrow(
    width: int, shown: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    write_rows(ROWS, NARROW, "table")
    written = capsys.readouterr().out
    assert ("More" in written) is shown
    assert all(len(line) <= width for line in written.splitlines())


def test_the_title_of_a_number_breaks_between_words_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    write_rows(ROWS, NARROW, "table")
    assert {"Number", "of", "mails"} <= set(capsys.readouterr().out.split())
