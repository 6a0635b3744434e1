"""What a page tells its reader to type: commands, with the output that it shows, and files.

A page says in comments, which no reader sees, how its commands are run:

- `<!-- run by tests/… -->` anywhere: that test runs them;
- `<!-- not run: REASON -->` on the line before a block: nothing runs it;
- neither: `tests/acceptance/test_page_commands.py` runs them.
"""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

BLOCK = re.compile(
    r"^(?: *<!-- not run: (?P<reason>[^\n]+) -->\n)?"
    r"(?P<indent> *)```(?P<kind>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
RUN_BY = re.compile(r"^<!-- run by (tests/\S+\.py) -->$", re.MULTILINE)
CONTINUED = "\\\n"
PROMPT = "$ "


class Block(NamedTuple):
    """A fenced block: its language, its text, and why its commands are not run; "" where they are."""

    kind: str
    text: str
    reason: str


class Step(NamedTuple):
    """A command as it stands on the page, and the output below it; "" where none is shown."""

    command: str
    shown: str = ""


def blocks_of(page: Path) -> list[Block]:
    """Return all fenced blocks of a page, in their order, those of lists without their indentation."""
    return [
        Block(found["kind"], dedent(found["text"]), found["reason"] or "")
        for found in BLOCK.finditer(page.read_text())
    ]


def run_by(page: Path) -> str | None:
    """Return the test that runs the commands of a page, if the page names one."""
    found = RUN_BY.search(page.read_text())
    return found and found.group(1)


def steps_in(block: Block) -> list[Step]:
    """Return the commands of a console, in their order; one that goes on in the next line is one."""
    steps: list[Step] = []
    for line in block.text.replace(CONTINUED, " ").splitlines():
        if line.startswith(PROMPT):
            steps.append(Step(line.removeprefix(PROMPT)))
        else:
            steps[-1] = Step(steps[-1].command, f"{steps[-1].shown}{line}\n")
    return steps


def steps_of(page: Path) -> list[Step]:
    """Return the commands of all consoles on a page, in their order."""
    return [step for block in blocks_of(page) if block.kind == "console" for step in steps_in(block)]


def files_of(page: Path) -> list[str]:
    """Return the TOML files that a page shows, in their order."""
    return [block.text for block in blocks_of(page) if block.kind == "toml"]
