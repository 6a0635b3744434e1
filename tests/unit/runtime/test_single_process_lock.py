"""One process at a time on a SQLite database, and whom the next one waits for."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from shared.adapters.sqlite_file import HardLinked, Unresolvable
from shared.runtime.single_process_lock import AlreadyRunning, single_process_lock


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
    async with single_process_lock(file):
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
            async with single_process_lock(file):
                pass


async def test_what_a_process_that_is_no_more_left_to_be_finished_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptor = held(tmp_path / "mail.db.lock", gone())
    look_again = asyncio.sleep

    async def given_back(_seconds: float) -> None:
        os.close(descriptor)
        await look_again(0)

    monkeypatch.setattr("shared.runtime.single_process_lock.asyncio.sleep", given_back)
    async with single_process_lock(tmp_path / "mail.db"):
        pass
    assert (tmp_path / "mail.db.lock").read_text() == f"{os.getpid()}\n"


async def test_it_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.runtime.single_process_lock.LOCK_TIMEOUT", 0.0)
    holder = gone()
    descriptor = held(tmp_path / "mail.db.lock", holder)
    with pytest.raises(AlreadyRunning, match=f"process {holder}"):
        async with single_process_lock(tmp_path / "mail.db"):
            pass
    os.close(descriptor)


async def test_a_database_that_takes_any_number_needs_no_lock() -> None:
    async with single_process_lock(None), single_process_lock(None):
        pass


async def test_a_symbolic_link_is_another_name_of_the_same_database(tmp_path: Path) -> None:
    file, link, directory = tmp_path / "mail.db", tmp_path / "link.db", tmp_path / "directory"
    file.touch()
    link.symlink_to(file)
    directory.symlink_to(tmp_path, target_is_directory=True)
    async with single_process_lock(file):
        for name in (link, directory / "mail.db", directory / "link.db"):
            with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
                async with single_process_lock(name):
                    pass
    async with single_process_lock(link):
        with pytest.raises(AlreadyRunning):
            async with single_process_lock(file):
                pass


async def test_a_link_to_a_database_that_is_not_there_yet_is_its_name_too(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "mail.db")
    async with single_process_lock(tmp_path / "link.db"):
        with pytest.raises(AlreadyRunning):
            async with single_process_lock(tmp_path / "mail.db"):
                pass
    assert not (tmp_path / "mail.db").exists()


async def test_a_database_with_a_second_hard_link_is_refused_by_either_name(tmp_path: Path) -> None:
    (tmp_path / "mail.db").touch()
    (tmp_path / "other.db").hardlink_to(tmp_path / "mail.db")
    for name in ("mail.db", "other.db"):
        with pytest.raises(HardLinked, match=r"has 2 names .*would be destroyed"):
            async with single_process_lock(tmp_path / name):
                pass
    (tmp_path / "other.db").unlink()
    async with single_process_lock(tmp_path / "mail.db"):
        pass


async def test_a_database_that_is_locked_under_a_name_in_another_place_is_in_use(tmp_path: Path) -> None:
    """As where the file alone is mounted twice: then another lock file lies beside it."""
    file = tmp_path / "mail.db"
    file.touch()
    descriptor = os.open(file, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(AlreadyRunning, match="under another name"):
        async with single_process_lock(file):
            pass
    os.close(descriptor)
    async with single_process_lock(file):
        pass


async def test_links_in_a_circle_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.db").symlink_to(tmp_path / "b.db")
    (tmp_path / "b.db").symlink_to(tmp_path / "a.db")
    with pytest.raises(Unresolvable, match="lead in a circle"):
        async with single_process_lock(tmp_path / "a.db"):
            pass
