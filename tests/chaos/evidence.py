"""What is kept of a campaign that broke a promise, for whoever looks for the cause: the journal, what the
target took, and all logs.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.chaos.stage import Stage

JOURNAL = "SELECT * FROM journal ORDER BY 1"


def keep_evidence(stage: Stage) -> Path:
    """Write down what is known; returns the directory, which nobody removes."""
    directory = Path(tempfile.mkdtemp(prefix="mailferry-chaos-"))
    for log in stage.ferry.directory.glob("*.log"):
        shutil.copy(log, directory)
    for name, query in (
        ("journal", JOURNAL),
        ("messages", "SELECT * FROM messages"),
        ("recipients", "SELECT * FROM recipients"),
        ("claims", "SELECT * FROM claims"),
    ):
        _write(directory / name, [str(row) for row in stage.rows(query)])
    accepted = [
        f"{number} {mail.recipients} {mail.content[:400]!r}"
        for number, mail in enumerate(stage.target.accepted, 1)
    ]
    _write(directory / "accepted", accepted)
    return directory


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", errors="replace")
