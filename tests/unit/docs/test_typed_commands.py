"""Each command that a page tells to type is run by a test, or the page says why not. All can be parsed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from services.cli.__main__ import main as mailferry
from tests.fakes.command import REPOSITORY
from tests.servers.page import CONTINUED, blocks_of, run_by, steps_in

PAGES = [
    page
    for page in [*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").rglob("*.md"))]
    if page.parent.name != "reference"
]
"""Without those that are generated from the commands themselves."""
TYPED = re.compile(r"^(?:\$ |(?:sudo |make |mailferry )\w)", re.MULTILINE)
MAILFERRY = re.compile(
    r"^(?:\$ )?(?:\w+=\S* +)*(?:sudo +(?:-u +\S+ +)?)?(?:[^\s=]*/)?mailferry +(.*)$", re.MULTILINE
)
SHELLS = {"console", "sh"}
BEHIND = re.compile(r"[|&;<>]")
"""Where a command ends for the shell."""


def named(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def commands_in(text: str) -> list[list[str]]:
    """Return the words of each `mailferry` command in the text of a block."""
    found = []
    for line in MAILFERRY.findall(text.replace(CONTINUED, " ")):
        words = shlex.split(line, comments=True)
        end = next((n for n, word in enumerate(words) if BEHIND.match(word)), len(words))
        found.append(words[:end])
    return found


def parse(words: list[str]) -> None:
    """Parse a command as the command line does, and run nothing. Raises `click.UsageError`."""
    command: click.Command = mailferry
    context = click.Context(command, info_name="mailferry")
    while isinstance(command, click.Group):
        if not words or words[0] in {"-h", "--help", "--version"}:
            return
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, info_name=name, parent=context)
    command.make_parser(context).parse_args([*words])


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_that_is_typed_stands_in_a_block_for_a_shell(page: Path) -> None:
    others = [block.text for block in blocks_of(page) if block.kind not in SHELLS]
    assert [text for text in others if TYPED.search(text)] == []


@pytest.mark.parametrize("page", [page for page in PAGES if run_by(page) is None], ids=named)
def test_every_block_that_no_named_test_runs_has_commands_that_one_test_runs_for_all_pages(
    page: Path,
) -> None:
    left = [block for block in blocks_of(page) if block.kind in SHELLS and not block.reason]
    assert [block.text for block in left if block.kind != "console"] == []
    others = [step.command for block in left for step in steps_in(block) if not commands_in(step.command)]
    assert others == [], "say `<!-- not run: REASON -->` before the block"


@pytest.mark.parametrize("page", [page for page in PAGES if run_by(page)], ids=named)
def test_the_test_that_a_page_names_reads_that_page(page: Path) -> None:
    test = REPOSITORY / (run_by(page) or "")
    servers = REPOSITORY / "tests" / "servers"
    texts = [
        test.read_text(),
        *(each.read_text() for each in servers.glob(f"{test.stem.removeprefix('test_')}*")),
    ]
    assert any(page.name in text for text in texts)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_mailferry_command_in_a_block_can_be_parsed(page: Path) -> None:
    for block in blocks_of(page):
        if block.kind in SHELLS:
            for words in commands_in(block.text):
                parse(words)


@pytest.mark.parametrize(
    "line", ["mailferry parked list --nothing", "mailferry nothing", "mailferry status --limit"]
)
def test_a_command_that_mailferry_does_not_have_is_found(line: str) -> None:
    with pytest.raises(click.UsageError):
        parse(*commands_in(line))
