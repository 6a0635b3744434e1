"""Saves what helps to find the cause of a broken promise: the journal, the accepted mails, and all logs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from shared.adapters.sql.rows import BATCH
from shared.contract.codec import unpack_bodies
from tests.chaos.testbed import Testbed

JOURNAL = "SELECT * FROM journal ORDER BY 1"


def keep_evidence(testbed: Testbed) -> Path:
    """Save the evidence, and return its directory, which is not removed."""
    directory = Path(tempfile.mkdtemp(prefix="mailferry-chaos-"))
    for log in testbed.ferry.directory.glob("*.log"):
        shutil.copy(log, directory)
    for name, query in (
        ("journal", JOURNAL),
        ("messages", "SELECT * FROM messages"),
        ("recipients", "SELECT * FROM recipients"),
        ("claims", "SELECT * FROM claims"),
    ):
        _write(directory / name, [line for row in testbed.rows(query) for line in _lines(row)])
    accepted = [
        f"{number} {mail.recipients} {mail.content[:400]!r}"
        for number, mail in enumerate(testbed.target.accepted, 1)
    ]
    _write(directory / "accepted", accepted)
    return directory


def _lines(row: Sequence[object]) -> list[str]:
    """The row; of a batch of the journal each entry."""
    if BATCH not in row:
        return [str(row)]
    *place, body = row
    assert isinstance(body, bytes)
    return [str((*place, *each)) for each in unpack_bodies(body)]


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", errors="replace")
