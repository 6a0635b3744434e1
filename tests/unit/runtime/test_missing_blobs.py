"""A blob that is not there is noticed by whoever reads it, and told unless the whole store is away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest

from shared.adapters.file_blobs import FileBlobs
from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.system_clock import SystemClock
from shared.contract.topology import topology
from shared.custody.state import Message
from shared.ports.blobs import BlobMissing
from shared.ports.store import Concluded, Epoch, MaintenanceStore
from shared.runtime.backup_marker import write_backup_marker
from shared.runtime.missing_blobs import LostBlobs, NoticingBlobs
from shared.runtime.raw_mail import blob_name


class Told:
    """A `MaintenanceStore` that records which blobs were lost."""

    def __init__(self) -> None:
        self.lost: list[dict[str, str]] = []

    async def lose_blobs(self, blobs: Mapping[str, str], reason: str, now: float) -> Concluded:
        self.lost.append(dict(blobs))
        return Concluded(())

    async def republish_mails(
        self, fetcher: str, now: float, lease: float, longest: float, limit: int
    ) -> Sequence[Message]:
        return ()

    async def left_behind(self, limit: int) -> Sequence[Message]:
        return ()


@pytest.fixture
def blobs(tmp_path: Path) -> NoticingBlobs:
    return NoticingBlobs(FileBlobs(tmp_path))


def telling(blobs: NoticingBlobs, told: Told) -> LostBlobs:
    return LostBlobs(
        blobs, cast(MaintenanceStore, told), MemoryBroker(topology([60]), SystemClock()), SystemClock()
    )


async def miss(blobs: NoticingBlobs, name: str) -> None:
    with pytest.raises(BlobMissing):
        async for _ in blobs.read(name):
            pass


async def test_a_missing_blob_is_told_once(blobs: NoticingBlobs) -> None:
    told = Told()
    await write_backup_marker(blobs, Epoch("db", 1, 1))
    await miss(blobs, blob_name("m1"))
    assert await telling(blobs, told).tell() == 1
    assert await telling(blobs, told).tell() == 0
    assert told.lost == [{"m1": "mail/m1"}]


async def test_a_store_without_its_witness_has_lost_nothing(blobs: NoticingBlobs) -> None:
    told = Told()
    await miss(blobs, blob_name("m1"))
    assert await telling(blobs, told).tell() == 0
    await write_backup_marker(blobs, Epoch("db", 1, 1))
    assert await telling(blobs, told).tell() == 1
    assert told.lost == [{"m1": "mail/m1"}]


async def test_what_is_there_and_what_is_no_mail_is_not_told(blobs: NoticingBlobs) -> None:
    writer = await blobs.create(blob_name("m1"))
    await writer.write(b"x")
    await writer.commit(durable=False)
    assert b"".join([piece async for piece in blobs.read(blob_name("m1"))]) == b"x"
    await miss(blobs, "epoch/nothing")
    assert blobs.missing == set()
