"""`mailferry demo`: the whole pipeline between a bundled source and a bundled target, and what came of it."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from services.cli.demo_tables import letters_table, source_table
from services.cli.options import verbose
from services.cli.output import console, octets
from services.cli.running import execute, quiet_logs
from services.standalone.demo.mailbag import mailbag
from services.standalone.demo.stage import Progress as Progressed
from services.standalone.demo.stage import Result, goal, perform
from shared.config import shown
from shared.runtime.exit_codes import FAILURE

STEPS = ("Fetched", "Delivered", "Deleted")
Watch = Callable[[Progressed], None]


@click.command(
    short_help="Show in a few seconds what Mailferry does.",
    epilog="Nothing outside of a temporary directory is touched. It checks itself: exit code 0 if every mail "
    "is where it belongs, byte for byte, 1 with a list if not.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep database, parked mail and a configuration there, for `trace`, `parked` and `status`.",
)
@verbose
def demo(keep: Path | None, verbose: bool) -> None:
    """Show what Mailferry does: no server and no configuration needed."""
    quiet_logs(None, verbose=verbose)
    screen = console()
    with _directory(keep) as directory:
        _announce(screen)
        with _watched(screen) as watch:
            result = execute(lambda: perform(directory, watch))
        _report(screen, result)
        if keep is not None:
            _tell_kept(screen, keep, result)
    if result.complaints:
        raise click.exceptions.Exit(FAILURE)


@contextmanager
def _directory(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="mailferry-demo-") as temporary:
            yield Path(temporary)
        return
    try:
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        occupied = any(keep.iterdir())
    except OSError as error:
        raise click.UsageError(f"{keep} cannot be used: {error.strerror}.") from error
    if occupied:
        raise click.UsageError(f"{keep} is not empty; name a new directory.")
    yield keep.resolve()


def _announce(screen: Console) -> None:
    letters = mailbag()
    size = octets(sum(len(letter.raw) for letter in letters))
    boxes = len({letter.mailbox for letter in letters})
    screen.print("Mailferry demo", style="bold")
    screen.print(
        f"A POP3 source with {len(letters)} mails ({size}) in {boxes} mailboxes, an SMTP target, both on "
        "this machine, and between them fetcher, router and relay with a database of their own."
    )
    screen.print()


@contextmanager
def _watched(screen: Console) -> Iterator[Watch]:
    """Bars on a terminal, a line at the end of each step elsewhere."""
    ends = goal(mailbag())
    totals = (ends.fetched, ends.delivered, ends.deleted)
    if not screen.is_terminal:
        yield _lines(screen, totals)
        return
    columns = (TextColumn("{task.description:>10}"), BarColumn(40), MofNCompleteColumn())
    with Progress(*columns, console=screen) as progress:
        tasks = [progress.add_task(step, total=total) for step, total in zip(STEPS, totals, strict=True)]

        def watch(state: Progressed) -> None:
            for task, done in zip(tasks, (state.fetched, state.delivered, state.deleted), strict=True):
                progress.update(task, completed=done)

        yield watch
    screen.print()


def _lines(screen: Console, totals: tuple[int, int, int]) -> Watch:
    told: set[str] = set()

    def watch(state: Progressed) -> None:
        reached = (state.fetched, state.delivered, state.deleted)
        for step, done, total in zip(STEPS, reached, totals, strict=True):
            if done >= total and step not in told:
                told.add(step)
                screen.print(f"{step} {done} of {total}")
        if len(told) == len(STEPS) and "end" not in told:
            told.add("end")
            screen.print()

    return watch


def _report(screen: Console, result: Result) -> None:
    screen.print(letters_table(result))
    screen.print()
    screen.print(source_table(result))
    screen.print()
    if result.complaints:
        screen.print("Not as it has to be:", style="bold red")
        for complaint in result.complaints:
            screen.print(f"  - {complaint}")
        return
    deliveries = len(result.findings.arrivals)
    parked = sum(len(letter.parked) for letter in result.letters)
    screen.print(
        f"Every mail is where it belongs: {len(result.letters)} mails, {deliveries} deliveries, none twice, "
        f"all byte for byte, {parked} parked for an operator, in {result.seconds:.1f} s.",
        style="green",
    )


def _tell_kept(screen: Console, keep: Path, result: Result) -> None:
    path = keep / "mailferry.toml"
    path.write_text(shown(result.configuration), encoding="utf-8")
    screen.print()
    screen.print("Look further:")
    for command in ("status", "trace bob@firma.example", "parked list", "journal verify"):
        screen.print(f"  mailferry {command} -c {shlex.quote(str(path))}", soft_wrap=True)
