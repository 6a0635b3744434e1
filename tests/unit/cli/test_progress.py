"""How far work has come: bars on a terminal, seldom lines elsewhere."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from services.cli.progress import LINE_EVERY, Bars, Nothing, PlainLines, progress


class Lines:
    """What was written, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.written: list[str] = []
        self.display = PlainLines(self.written.append, lambda: self.now)


def test_short_work_says_nothing_where_there_is_no_terminal() -> None:
    lines = Lines()
    for done in range(100):
        lines.now = done * LINE_EVERY / 100
        lines.display("Rows copied", done, 100)
    assert lines.written == []


def test_long_work_says_every_ten_seconds_what_has_moved() -> None:
    lines = Lines()
    for lines.now, done in ((LINE_EVERY, 1_000), (LINE_EVERY + 1, 2_000), (2 * LINE_EVERY, 3_000)):
        lines.display("Accounts visited", 5, 9)
        lines.display("Mails fetched", done, 12_000)
    assert lines.written == [
        "Accounts visited: 5 of 9",
        "Mails fetched: 2,000 of 12,000",
    ]
    lines.now = 3 * LINE_EVERY
    lines.display("Recipients delivered to", 7, 0)
    assert lines.written[2:] == ["Mails fetched: 3,000 of 12,000", "Recipients delivered to: 7"]


def test_a_note_is_written_at_once() -> None:
    lines = Lines()
    lines.display.note("acme/bob: out of reach; attempt 2 of 3 in 1 s")
    assert lines.written == ["acme/bob: out of reach; attempt 2 of 3 in 1 s"]


def test_a_terminal_shows_bars_with_numbers_and_notes_above_them() -> None:
    written = io.StringIO()
    bars = Bars(Console(file=written, force_terminal=True, width=80))
    bars("Accounts visited", 1_234, 100_000)
    bars("Recipients delivered to", 7, 0)
    bars.note("acme/bob: \x1b[31mout of reach")
    bars.close()
    shown = written.getvalue()
    assert "1,234 of 100,000" in shown
    assert "━" in shown
    assert "acme/bob: \\x1b[31mout of reach" in shown


@pytest.mark.parametrize(
    ("is_terminal", "logs", "kind"),
    [(True, False, Bars), (False, False, PlainLines), (True, True, Nothing), (False, True, Nothing)],
)
def test_a_terminal_has_bars_and_nothing_is_shown_among_logs(
    is_terminal: bool, logs: bool, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with progress(logs=logs) as display:
        assert isinstance(display, kind)
        display("Rows copied", 1, 2)
        if logs:
            display.note("in the log")
