"""A missing blob is found by the one that reads it, and reported unless the whole store is unavailable."""

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
from shared.runtime.missing_blobs import MissingBlobReporter, TrackedBlobs
from shared.runtime.raw_mail import blob_name


class RecordingRecovery:
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
def blobs(tmp_path: Path) -> TrackedBlobs:
    return TrackedBlobs(FileBlobs(tmp_path))


def reporter(blobs: TrackedBlobs, recovery: RecordingRecovery) -> MissingBlobReporter:
    return MissingBlobReporter(
        blobs, cast(MaintenanceStore, recovery), MemoryBroker(topology([60]), SystemClock()), SystemClock()
    )


async def miss(blobs: TrackedBlobs, name: str) -> None:
    with pytest.raises(BlobMissing):
        async for _ in blobs.read(name):
            pass


async def test_a_missing_blob_is_reported_once(blobs: TrackedBlobs) -> None:
    recovery = RecordingRecovery()
    await write_backup_marker(blobs, Epoch("db", 1, 1))
    await miss(blobs, blob_name("m1"))
    assert await reporter(blobs, recovery).report() == 1
    assert await reporter(blobs, recovery).report() == 0
    assert recovery.lost == [{"m1": "mail/m1"}]


async def test_a_blob_store_without_its_backup_marker_has_lost_nothing(blobs: TrackedBlobs) -> None:
    recovery = RecordingRecovery()
    await miss(blobs, blob_name("m1"))
    assert await reporter(blobs, recovery).report() == 0
    await write_backup_marker(blobs, Epoch("db", 1, 1))
    assert await reporter(blobs, recovery).report() == 1
    assert recovery.lost == [{"m1": "mail/m1"}]


async def test_a_present_blob_and_one_without_mail_are_not_reported(blobs: TrackedBlobs) -> None:
    writer = await blobs.create(blob_name("m1"))
    await writer.write(b"x")
    await writer.commit(durable=False)
    assert b"".join([piece async for piece in blobs.read(blob_name("m1"))]) == b"x"
    await miss(blobs, "epoch/nothing")
    assert blobs.missing == set()
