"""Blobs that may not be recorded are checked, and removed if the database does not know them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from shared.adapters.file_blobs import FileBlobs
from shared.contract.events import Payload
from shared.ports.blobs import BlobsUnavailable
from shared.ports.store import MaintenanceStore
from shared.runtime.missing_blobs import TrackedBlobs
from shared.runtime.raw_mail import blob_name, store_raw_mail
from shared.runtime.unrecorded_blobs import (
    CHECK_AFTER,
    CHECK_FAILED_AFTER,
    MAX_PAUSE,
    REMOVAL_DEADLINE,
    UnrecordedBlobs,
)
from tests.fakes.clock import ManualClock

MAIL = Payload(octets=4, inline=b"mail")


class Known:
    """What the database needs, and how often it was asked."""

    def __init__(self, *needed: str) -> None:
        self.needed = {*needed}
        self.asked: list[list[str]] = []

    async def raw_mail_needed(self, messages: Sequence[str]) -> Sequence[str]:
        self.asked.append([*messages])
        return [each for each in messages if each in self.needed]

    async def raw_mail_not_needed(self, messages: Sequence[str]) -> Sequence[str]:
        raise NotImplementedError


class World:
    """Blobs as the services of a process see them."""

    def __init__(self, directory: Path) -> None:
        self.files = FileBlobs(directory)
        self.clock = ManualClock()
        self.unrecorded = UnrecordedBlobs(self.files, self.clock)
        self.blobs = TrackedBlobs(self.files, self.unrecorded)

    async def left(self) -> set[str]:
        return {name async for name in self.files.list_names()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_a_blob_is_removed_unless_a_mail_needs_it(world: World) -> None:
    for message in ("in-vain", "parked"):
        await store_raw_mail(world.blobs, message, MAIL)
    known = Known("parked")
    assert await world.unrecorded.remove_due(cast(MaintenanceStore, known)) == 0
    assert known.asked == []
    await world.clock.advance(CHECK_AFTER)
    assert await world.unrecorded.remove_due(cast(MaintenanceStore, known)) == 1
    assert await world.left() == {blob_name("parked")}


async def test_the_blob_of_a_mail_under_way_is_checked_less_and_less_often(world: World) -> None:
    await store_raw_mail(world.blobs, "m1", MAIL)
    known = Known("m1")
    for _ in range(400):
        await world.clock.advance(CHECK_AFTER)
        await world.unrecorded.remove_due(cast(MaintenanceStore, known))
    assert len(known.asked) < MAX_PAUSE / CHECK_AFTER
    await store_raw_mail(world.blobs, "m2", MAIL)
    await world.clock.advance(CHECK_AFTER)
    known.needed.add("m2")
    await world.unrecorded.remove_due(cast(MaintenanceStore, known))
    known.needed.clear()
    await world.clock.advance(2 * CHECK_AFTER)
    assert await world.unrecorded.remove_due(cast(MaintenanceStore, known)) == 1
    assert await world.left() == {blob_name("m1")}


async def test_a_recorded_or_deleted_blob_is_not_checked(world: World) -> None:
    for message in ("recorded", "deleted"):
        await store_raw_mail(world.blobs, message, MAIL)
    world.unrecorded.mark_recorded([blob_name("recorded")])
    await world.blobs.delete(blob_name("deleted"))
    await world.clock.advance(CHECK_AFTER)
    known = Known()
    assert await world.unrecorded.remove_due(cast(MaintenanceStore, known)) == 0
    assert known.asked == []


async def test_a_blob_whose_commit_failed_is_checked_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have got its name before."""

    def fail(_directory: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("shared.adapters.file_blobs.sync_directory", fail)
    with pytest.raises(BlobsUnavailable):
        await store_raw_mail(world.blobs, "m1", MAIL)
    assert await world.left() == {blob_name("m1")}
    await world.clock.advance(CHECK_AFTER)
    assert await world.unrecorded.remove_due(cast(MaintenanceStore, Known())) == 1
    assert await world.left() == set()


async def test_a_blob_without_raw_mail_is_left_alone(world: World) -> None:
    writer = await world.blobs.create("epoch/witness")
    await writer.write(b"{}")
    await writer.commit(durable=True)
    await world.clock.advance(CHECK_AFTER)
    assert await world.unrecorded.remove_due(cast(MaintenanceStore, Known())) == 0
    assert await world.left() == {"epoch/witness"}


async def test_what_cannot_be_removed_at_once_is_removed_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store_raw_mail(world.blobs, "m1", MAIL)
    with monkeypatch.context() as away:

        async def refuse(_name: str) -> None:
            raise BlobsUnavailable("the blob store is away")

        away.setattr(world.files, "delete", refuse)
        await world.unrecorded.remove_blobs([blob_name("m1")])
    assert await world.left() == {blob_name("m1")}
    await world.clock.advance(CHECK_FAILED_AFTER)
    assert await world.unrecorded.remove_due(cast(MaintenanceStore, Known())) == 1
    assert await world.left() == set()


async def test_a_blob_store_that_hangs_delays_its_caller_briefly(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_name: str) -> None:
        await asyncio.Event().wait()

    assert REMOVAL_DEADLINE > 0
    monkeypatch.setattr("shared.runtime.unrecorded_blobs.REMOVAL_DEADLINE", 0.01)
    monkeypatch.setattr(world.files, "delete", hang)
    await world.unrecorded.remove_blobs([blob_name("m1"), blob_name("m2")])
