"""What only the blobs in files promise: modes, leftovers, and what a full or broken disk means."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.file_blobs import FileBlobs
from shared.ports.blobs import BlobsUnavailable

PIECE = 256 * 1024


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def blobs(root: Path) -> FileBlobs:
    return FileBlobs(root)


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


async def put(blobs: FileBlobs, name: str, data: bytes, *, durable: bool = True) -> None:
    writer = await blobs.create(name)
    await writer.write(data)
    await writer.commit(durable=durable)


def no_space(*_: Any) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def modes(paths: Iterable[Path]) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in paths}


async def test_only_the_owner_can_read(blobs: FileBlobs, root: Path) -> None:
    await put(blobs, "spool/a", b"secret")

    assert modes(files(root)) == {0o600}
    assert modes({root, *(path.parent for path in files(root))}) == {0o700}


async def test_a_full_disk_is_reported_and_the_blob_cannot_be_committed(
    blobs: FileBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = await blobs.create("a")
    await writer.write(b"x" * PIECE)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", no_space)
        with pytest.raises(BlobsUnavailable, match=r"blob directory .*/blobs is full") as caught:
            await writer.write(b"y" * PIECE)
        assert caught.value.temporary

    with pytest.raises(BlobsUnavailable, match="failed before"):
        await writer.write(b"z" * PIECE)
    with pytest.raises(BlobsUnavailable, match="failed before"):
        await writer.commit(durable=False)
    await writer.abort()
    assert files(root) == []


@pytest.mark.parametrize("failing", ["fsync", "close"])
async def test_a_blob_that_was_not_synchronised_gets_no_name(
    blobs: FileBlobs, root: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    await put(blobs, "a", b"old")
    writer = await blobs.create("a")
    await writer.write(b"new")
    real = getattr(os, failing)

    def broken(descriptor: int) -> None:
        if failing == "close":
            real(descriptor)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, failing, broken)
        with pytest.raises(BlobsUnavailable, match="cannot be used: Input/output error"):
            await writer.commit(durable=True)

    await writer.abort()
    assert [path.read_bytes() for path in files(root)] == [b"old"]


async def test_a_durable_blob_is_synchronised_before_it_gets_its_name_and_its_directories_after(
    blobs: FileBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await blobs.check()
    order: list[str] = []
    real_fsync, real_rename = os.fsync, Path.rename

    def fsync(descriptor: int) -> None:
        order.append(str(Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(root).parts[:1]))
        real_fsync(descriptor)

    def rename(path: Path, target: Path) -> Path:
        order.append("rename")
        return real_rename(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    await put(blobs, "spool/a", b"x")

    (path,) = files(root)
    assert order == ["('partial',)", "rename", f"('{path.parent.name}',)", "()"]


async def test_a_directory_that_cannot_be_used_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    blobs = FileBlobs(tmp_path / "file")

    with pytest.raises(BlobsUnavailable, match=r"/file cannot be used: "):
        await blobs.check()
    with pytest.raises(BlobsUnavailable):
        await put(blobs, "a", b"")
    with pytest.raises(BlobsUnavailable):
        [piece async for piece in blobs.read("a")]
    with pytest.raises(BlobsUnavailable):
        [name async for name in blobs.list_names()]


async def test_what_a_crashed_writer_left_can_be_removed_and_what_is_young_stays(
    blobs: FileBlobs, root: Path
) -> None:
    await put(blobs, "whole", b"1")
    for name, written in (("old", 1000), ("young", 3000)):
        writer = await blobs.create(name)
        await writer.write(b"x" * PIECE)
        (path,) = (root / "partial").glob(f"{name}+*")
        os.utime(path, (written, written))

    assert await blobs.remove_leftovers(2000) == 1
    assert [path.name.partition("+")[0] for path in (root / "partial").iterdir()] == ["young"]
    assert [name async for name in blobs.list_names()] == ["whole"]


async def test_there_are_no_leftovers_in_an_unused_store(blobs: FileBlobs) -> None:
    assert await blobs.remove_leftovers(2000) == 0


async def test_an_abort_waits_for_the_write_that_was_cancelled(
    blobs: FileBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, go_on = threading.Event(), threading.Event()
    real_write = os.write

    def slow(descriptor: int, data: memoryview) -> int:
        writing.set()
        assert go_on.wait(60)
        return real_write(descriptor, data)

    monkeypatch.setattr(os, "write", slow)
    writer = await blobs.create("a")
    write = asyncio.ensure_future(writer.write(b"x" * PIECE))
    await asyncio.to_thread(writing.wait, 60)
    write.cancel()
    abort = asyncio.ensure_future(writer.abort())
    await asyncio.wait({write})
    assert not abort.done()
    go_on.set()
    await abort
    assert files(root) == []


async def test_reading_can_be_given_up_in_the_middle(blobs: FileBlobs) -> None:
    await put(blobs, "a", b"x" * 3 * PIECE)

    pieces = blobs.read("a")
    assert len(await anext(pieces)) == PIECE
    await pieces.aclose()
