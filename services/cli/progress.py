"""Shows how far long work has come, on standard error: bars with numbers on a terminal, else plain lines.

A line comes every ten seconds, so that short work says nothing beside its result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text
from typing_extensions import override

from services.cli.output import console
from shared.model.errors import quoted

LINE_EVERY = 10.0
"""Seconds between two plain lines."""
BAR_WIDTH = 30


class Display(Protocol):
    """Shows steps and notes. A step without a total (0) is a number alone."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """Show how much of how much of a step is done."""
        ...

    def note(self, sentence: str) -> None:
        """Show a sentence as a line of its own, at once."""
        ...


class PlainLines:
    """Writes a line for each step that moved, every `LINE_EVERY` seconds."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._written_at = clock()
        self._steps: dict[str, str] = {}
        self._written: dict[str, str] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        """See `Display`."""
        self._steps[step] = f"{step}: {_numbers(done, total)}"
        if self._clock() < self._written_at + LINE_EVERY:
            return
        self._written_at = self._clock()
        for name, line in self._steps.items():
            if self._written.get(name) != line:
                self._write(line)
        self._written = dict(self._steps)

    def note(self, sentence: str) -> None:
        """See `Display`."""
        self._write(sentence)


class _Numbers(ProgressColumn):
    """How much of how much."""

    @override
    def render(self, task: Task) -> Text:
        return Text(_numbers(int(task.completed), int(task.total or 0)))


class Bars:
    """Draws a bar for each step."""

    def __init__(self, screen: Console) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(BAR_WIDTH), _Numbers(), console=screen, transient=True
        )
        self._tasks: dict[str, TaskID] = {}
        self._bars.start()

    def __call__(self, step: str, done: int, total: int) -> None:
        """See `Display`."""
        if step not in self._tasks:
            self._tasks[step] = self._bars.add_task(step, total=total or None)
        self._bars.update(self._tasks[step], completed=done, total=total or None)

    def note(self, sentence: str) -> None:
        """See `Display`."""
        self._bars.console.print(Text(quoted(sentence, 1000)), soft_wrap=True)

    def close(self) -> None:
        """Take the bars away."""
        self._bars.stop()


class Nothing:
    """Shows nothing."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """See `Display`."""

    def note(self, sentence: str) -> None:
        """See `Display`."""


@contextmanager
def progress(*, logs: bool = False) -> Iterator[Display]:
    """Show progress while inside; nothing where `logs` go to standard error, which tell more."""
    screen = console(error=True)
    if logs:
        yield Nothing()
        return
    if not screen.is_terminal:
        yield PlainLines(lambda line: click.echo(quoted(line, 1000), err=True))
        return
    bars = Bars(screen)
    try:
        yield bars
    finally:
        bars.close()


def _numbers(done: int, total: int) -> str:
    return f"{done:,} of {total:,}" if total else f"{done:,}"
