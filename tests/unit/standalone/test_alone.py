"""One process at a time on a SQLite database, and whom the next one waits for."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from services.standalone.alone import AlreadyRunning, alone


def held(lock: Path, holder: int) -> int:
    """A lock that is held in the name of a process; its descriptor."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.pwrite(descriptor, f"{holder}\n".encode(), 0)
    return descriptor


def gone() -> int:
    """The id of a process that is no more."""
    with subprocess.Popen(["true"]) as process:
        return process.pid


async def test_a_second_process_is_told_who_is_at_work(tmp_path: Path) -> None:
    file = tmp_path / "mail.db"
    async with alone(file):
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
            async with alone(file):
                pass


async def test_what_a_process_that_is_no_more_left_to_be_finished_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptor = held(tmp_path / "mail.db.lock", gone())
    look_again = asyncio.sleep

    async def given_back(_seconds: float) -> None:
        os.close(descriptor)
        await look_again(0)

    monkeypatch.setattr("services.standalone.alone.asyncio.sleep", given_back)
    async with alone(tmp_path / "mail.db"):
        pass
    assert (tmp_path / "mail.db.lock").read_text() == f"{os.getpid()}\n"


async def test_it_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.standalone.alone.PATIENCE", 0.0)
    holder = gone()
    descriptor = held(tmp_path / "mail.db.lock", holder)
    with pytest.raises(AlreadyRunning, match=f"process {holder}"):
        async with alone(tmp_path / "mail.db"):
            pass
    os.close(descriptor)


async def test_a_database_that_takes_any_number_needs_no_lock() -> None:
    async with alone(None), alone(None):
        pass
