"""`mailferry demo`: all services between a source and a target that come with Mailferry, and the result."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from services.cli.demo_tables import print_letters, print_mailboxes
from services.cli.options import verbose
from services.cli.output import console
from services.cli.running import execute, quiet_logs
from services.standalone.all_services import run
from services.standalone.demo.mailbag import mailbag
from services.standalone.demo.run import DemoProgress, DemoResult, OnProgress, final_progress, run_demo
from shared.config import shown
from shared.operations.wording import octets
from shared.runtime.exit_codes import FAILURE

GOING_ON = "It goes on: a mail arrives every five seconds. Ctrl-C ends it."
NEXT_STEP = "Next, one pass with a mailbox of your own, which is left as it is:"
OWN_MAILBOX = "ferry pop3s://USER@SOURCE smtp://TARGET --to ADDRESS --retention keep"
IN_THE_CONSOLE = "To see the demo in the web console, live:"
STEPS = ("Fetched", "Delivered", "Deleted")


@click.command(
    short_help="Show in a few seconds what Mailferry does.",
    epilog="All files are in a temporary directory. The demo checks itself: exit code 0 if every mail is "
    "where it belongs, byte for byte, else 1 and a list of what is wrong.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the database, parked mail and a configuration in this new directory, for `trace`, `parked` "
    "and `status`.",
)
@click.option(
    "--console", "shows_console", is_flag=True, help="Go on afterwards, and show it live in the web console."
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8464,
    show_default=True,
    help="Where the console listens.",
)
@verbose
def demo(keep: Path | None, shows_console: bool, port: int, verbose: bool) -> None:
    """Show what Mailferry does: no server and no configuration needed."""
    quiet_logs(None, verbose=verbose)
    screen = console()
    with _directory(keep) as directory:
        _print_setting(screen)
        listen = f"127.0.0.1:{port}" if shows_console else ""

        async def go_on(result: DemoResult) -> None:
            _print_result(screen, result)
            screen.print(GOING_ON)
            await run(result.configuration)

        with _progress_shown(screen) as on_progress:
            afterwards = go_on if shows_console else None
            result = execute(lambda: run_demo(directory, on_progress, listen, afterwards))
        if not shows_console:
            _print_result(screen, result)
        if keep is not None:
            _print_kept(screen, keep, result)
        if not shows_console and not result.complaints:
            _print_next_step(screen)
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


def _print_setting(screen: Console) -> None:
    letters = mailbag()
    size = octets(sum(len(letter.raw) for letter in letters))
    boxes = len({letter.mailbox for letter in letters})
    screen.print("Mailferry demo", style="bold")
    screen.print(
        f"A provider's POP3 server with {len(letters)} mails ({size}) in {boxes} mailboxes and a company's "
        "SMTP server run on this machine. Fetcher, router and relay, with a database of their own, carry the "
        "mails from the one to the other."
    )
    screen.print()


@contextmanager
def _progress_shown(screen: Console) -> Iterator[OnProgress]:
    """Show progress: bars on a terminal, elsewhere a line at the end of each step."""
    ends = final_progress(mailbag())
    totals = (ends.fetched, ends.delivered, ends.deleted)
    if not screen.is_terminal:
        yield _lines(screen, totals)
        return
    columns = (TextColumn("{task.description:>10}"), BarColumn(40), MofNCompleteColumn())
    with Progress(*columns, console=screen) as progress:
        tasks = [progress.add_task(step, total=total) for step, total in zip(STEPS, totals, strict=True)]

        def show(state: DemoProgress) -> None:
            for task, done in zip(tasks, (state.fetched, state.delivered, state.deleted), strict=True):
                progress.update(task, completed=done)

        yield show
    screen.print()


def _lines(screen: Console, totals: tuple[int, int, int]) -> OnProgress:
    printed: set[str] = set()

    def show(state: DemoProgress) -> None:
        reached = (state.fetched, state.delivered, state.deleted)
        for step, done, total in zip(STEPS, reached, totals, strict=True):
            if done >= total and step not in printed:
                printed.add(step)
                screen.print(f"{step} {done} of {total}")
        if len(printed) == len(STEPS) and "end" not in printed:
            printed.add("end")
            screen.print()

    return show


def _print_result(screen: Console, result: DemoResult) -> None:
    print_letters(screen, result)
    screen.print()
    print_mailboxes(screen, result)
    screen.print()
    if result.complaints:
        screen.print("What is wrong:", style="bold red")
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


def _print_next_step(screen: Console) -> None:
    program = "mailferry" if shutil.which("mailferry") else shlex.quote(sys.argv[0])
    screen.print()
    screen.print(NEXT_STEP, style="bold", soft_wrap=True)
    screen.print(f"  {program} {OWN_MAILBOX}", soft_wrap=True)
    screen.print(IN_THE_CONSOLE, soft_wrap=True)
    screen.print(f"  {program} demo --console", soft_wrap=True)


def _print_kept(screen: Console, keep: Path, result: DemoResult) -> None:
    path = keep / "mailferry.toml"
    path.write_text(shown(result.configuration), encoding="utf-8")
    screen.print()
    screen.print("To look further:")
    for command in ("status", "trace bob@firma.example", "parked list", "journal verify"):
        screen.print(f"  mailferry {command} -c {shlex.quote(str(path))}", soft_wrap=True)
