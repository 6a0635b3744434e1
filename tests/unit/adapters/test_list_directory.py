from __future__ import annotations

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared.adapters.list_directory import ListDirectory
from shared.ports.directory import Existence

BOB, EVE = "bob@acme.com", "eve@acme.com"
S = Existence


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "acme.txt"


def write(path: Path, text: str) -> None:
    """As an administrator should: the new version takes the place of the old one whole."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def rewrite(path: Path, change: str) -> None:
    """Another version that differs from this one in one sign alone."""
    before = path.stat()
    if change == "inode":
        write(path, EVE)
    else:
        path.write_text(f"{EVE}\n" if change == "size" else EVE)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + (change == "mtime")))


def remove(path: Path) -> None:
    path.unlink()


async def standings(directory: ListDirectory) -> list[Existence]:
    found = directory.look_up_cached([BOB, EVE]) or await directory.look_up([BOB, EVE])
    return [found[BOB].existence, found[EVE].existence]


async def test_a_listed_recipient_exists(path: Path) -> None:
    write(path, BOB)
    directory = ListDirectory(str(path))
    assert await standings(directory) == [S.EXISTS, S.MISSING]
    found = await directory.look_up([EVE])
    assert found[EVE].reason == f"not listed in {path}"


async def test_a_list_that_was_read_is_at_hand_until_it_changes(path: Path) -> None:
    write(path, BOB)
    directory = ListDirectory(str(path))
    assert directory.look_up_cached([BOB]) is None
    await directory.look_up([BOB])
    assert directory.look_up_cached([BOB]) is not None
    write(path, EVE)
    assert directory.look_up_cached([BOB]) is None
    assert await standings(directory) == [S.MISSING, S.EXISTS]


@pytest.mark.parametrize("change", ["mtime", "size", "inode"])
async def test_each_sign_of_a_change_is_enough(path: Path, change: str) -> None:
    write(path, BOB)
    directory = ListDirectory(str(path))
    await directory.look_up([BOB])
    rewrite(path, change)
    assert await standings(directory) == [S.MISSING, S.EXISTS]


async def test_a_broken_new_version_is_reported_once_and_the_old_one_stays_in_force(path: Path) -> None:
    write(path, BOB)
    directory = ListDirectory(str(path))
    await directory.look_up([BOB])
    write(path, f"{EVE}\nnonsense\n")
    with capture_logs() as logs:
        for _ in range(3):
            assert await standings(directory) == [S.EXISTS, S.MISSING]
    (complaint,) = logs
    assert complaint["problem"] == f'{path}:2: "nonsense" is no address or pattern: no @ in it'
    assert complaint["in_force"] == "the version before it"
    write(path, EVE)
    assert await standings(directory) == [S.MISSING, S.EXISTS]


async def test_a_removed_list_stays_in_force_and_that_is_reported_once(path: Path) -> None:
    write(path, BOB)
    directory = ListDirectory(str(path))
    await directory.look_up([BOB])
    remove(path)
    with capture_logs() as logs:
        for _ in range(3):
            assert await standings(directory) == [S.EXISTS, S.MISSING]
    assert [each["problem"] for each in logs] == [f"{path} cannot be read: No such file or directory"]


async def test_where_no_version_could_be_read_nothing_is_known_of_anybody(path: Path) -> None:
    directory = ListDirectory(str(path))
    assert await standings(directory) == [S.UNDECIDED, S.UNDECIDED]
