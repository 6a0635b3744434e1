"""What the port of blobs promises, asked of every adapter."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.adapters.file_blobs import FileBlobs
from shared.adapters.s3_blobs import S3Blobs
from shared.model.s3_location import S3Location
from shared.ports.blobs import BlobMissing, Blobs
from tests.servers.moto import Moto

PIECE = 256 * 1024
PART = 8 * 1024 * 1024
NAMES = ["a", "spool/01h455vb4pex5vsknk084sn02q", "parked/one-2/raw", "x" * 200]
NO_NAMES = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    "..",
    "../a",
    "a/../b",
    ".",
    "a.b",
    "A",
    "a b",
    "a\0",
    "a\n",
    "ä",
    "²",
    "x" * 201,
]


@pytest.fixture(params=["files", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "files":
        return FileBlobs(tmp_path / "blobs")
    moto: Moto = request.getfixturevalue("moto")
    key = SecretStr("secret")
    return S3Blobs(S3Location(moto.new_bucket(), "some/where", moto.endpoint, "eu-central-1", "key", key))


async def put(blobs: Blobs, name: str, *pieces: bytes, durable: bool = False) -> None:
    writer = await blobs.create(name)
    for piece in pieces:
        await writer.write(piece)
    await writer.commit(durable=durable)


async def content(blobs: Blobs, name: str) -> bytes:
    return b"".join([piece async for piece in blobs.read(name)])


async def listed(blobs: Blobs, prefix: str = "") -> list[str]:
    return sorted([name async for name in blobs.list_names(prefix)])


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("name", NAMES)
async def test_what_was_written_is_read_back(blobs: Blobs, name: str, durable: bool) -> None:
    await put(blobs, name, b"From: a\r\n", b"", b"\r\n\x00\xff", durable=durable)

    assert await content(blobs, name) == b"From: a\r\n\r\n\x00\xff"


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7, PART, 3 * PART + 7])
async def test_a_blob_of_any_size_comes_back_in_pieces_of_bounded_size(blobs: Blobs, size: int) -> None:
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    await put(blobs, "blob", *[data[start : start + 65_536] for start in range(0, size, 65_536)])

    pieces = [piece async for piece in blobs.read("blob")]
    assert b"".join(pieces) == data
    assert all(0 < len(piece) <= PIECE for piece in pieces)


async def test_a_blob_is_invisible_until_it_is_committed(blobs: Blobs) -> None:
    writer = await blobs.create("spool/a")
    await writer.write(b"x" * PIECE)

    assert await listed(blobs) == []
    with pytest.raises(BlobMissing):
        await content(blobs, "spool/a")
    await writer.commit(durable=False)
    assert await listed(blobs) == ["spool/a"]


async def test_an_older_blob_stays_until_the_newer_one_is_committed(blobs: Blobs) -> None:
    await put(blobs, "blob", b"old")
    writer = await blobs.create("blob")
    await writer.write(b"new" * PIECE)

    assert await content(blobs, "blob") == b"old"
    await writer.commit(durable=True)
    assert await content(blobs, "blob") == b"new" * PIECE


@pytest.mark.parametrize("size", [0, 1, PIECE, PART, 4 * PART + 1])
async def test_what_was_aborted_never_was(blobs: Blobs, size: int) -> None:
    await put(blobs, "blob", b"old")
    writer = await blobs.create("blob")
    await writer.write(b"x" * size)
    await writer.abort()

    assert await content(blobs, "blob") == b"old"


async def test_two_writers_of_one_name_do_not_mix(blobs: Blobs) -> None:
    one, other = await blobs.create("blob"), await blobs.create("blob")
    for _ in range(3):
        await one.write(b"1" * PIECE)
        await other.write(b"2" * PIECE)
    await one.commit(durable=False)
    await other.commit(durable=False)

    assert await content(blobs, "blob") == b"2" * 3 * PIECE


async def test_a_blob_that_is_deleted_is_gone(blobs: Blobs) -> None:
    await put(blobs, "a", b"1")
    await put(blobs, "b", b"2")
    await blobs.delete("a")

    assert await listed(blobs) == ["b"]
    with pytest.raises(BlobMissing, match="no blob a") as caught:
        await content(blobs, "a")
    assert not caught.value.temporary


async def test_deleting_what_is_not_there_is_no_error(blobs: Blobs) -> None:
    await blobs.delete("spool/never-was")


async def test_the_names_are_listed_by_prefix(blobs: Blobs) -> None:
    for name in ("spool/a", "spool/b", "parked/a", "spool-c"):
        await put(blobs, name, b"")

    assert await listed(blobs) == ["parked/a", "spool-c", "spool/a", "spool/b"]
    assert await listed(blobs, "spool/") == ["spool/a", "spool/b"]
    assert await listed(blobs, "nothing") == []


async def test_an_unused_store_is_empty_and_fit_for_use(blobs: Blobs) -> None:
    assert await listed(blobs) == []
    await blobs.check()
    assert await listed(blobs) == []


@pytest.mark.parametrize("name", NO_NAMES)
async def test_a_name_that_is_none_of_ours_is_refused_everywhere(blobs: Blobs, name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        await blobs.create(name)
    with pytest.raises(ValueError, match="no name"):
        await content(blobs, name)
    with pytest.raises(ValueError, match="no name"):
        await blobs.delete(name)


async def test_blobs_are_listed_by_age(blobs: Blobs) -> None:
    await put(blobs, "mail/a", b"1")
    now = time.time()

    assert [name async for name in blobs.list_names("mail/", now - 3600)] == []
    assert [name async for name in blobs.list_names("mail/", now + 3600)] == ["mail/a"]
    assert [name async for name in blobs.list_names("parked/", now + 3600)] == []


async def test_removing_leftovers_touches_no_blob(blobs: Blobs) -> None:
    await put(blobs, "mail/a", b"1")
    assert await blobs.remove_leftovers(time.time() + 3600) == 0
    assert await listed(blobs) == ["mail/a"]


async def test_an_abort_after_the_commit_changes_nothing(blobs: Blobs) -> None:
    for size in (1, PART + 1):
        writer = await blobs.create("blob")
        await writer.write(b"x" * size)
        await writer.commit(durable=True)
        await writer.abort()
        assert len(await content(blobs, "blob")) == size


async def test_the_free_octets_are_reported_where_there_is_a_bound(blobs: Blobs) -> None:
    """Also before anything was stored."""
    for _ in range(2):
        room = await blobs.free_octets()
        assert room is None or room > 0
        await put(blobs, "a", b"x")
