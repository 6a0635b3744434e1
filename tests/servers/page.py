"""What a page of `docs/` tells its reader to type: commands, with the output that it shows, and files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Step(NamedTuple):
    """A command as it stands on the page, and the output below it; "" where none is shown."""

    command: str
    shown: str = ""


def steps_of(page: Path) -> list[Step]:
    """Return the commands of all consoles on a page, in their order."""
    steps: list[Step] = []
    for _, block in [each for each in BLOCK.findall(page.read_text()) if each[0] == "console"]:
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append(Step(line[2:]))
            else:
                steps[-1] = Step(steps[-1].command, f"{steps[-1].shown}{line}\n")
    return steps


def files_of(page: Path) -> list[str]:
    """Return the TOML files that a page shows, in their order."""
    return [text for kind, text in BLOCK.findall(page.read_text()) if kind == "toml"]
