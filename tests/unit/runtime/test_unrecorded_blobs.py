"""Blobs that were stored and perhaps not recorded: asked about, and removed where nobody knows them."""

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
from shared.runtime.missing_blobs import NoticingBlobs
from shared.runtime.raw_mail import blob_name, store_raw_mail
from shared.runtime.unrecorded_blobs import DOUBTFUL, LONGEST, REMOVAL, USUAL, UnrecordedBlobs
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
        self.blobs = NoticingBlobs(self.files, self.unrecorded)

    async def left(self) -> set[str]:
        return {name async for name in self.files.list_names()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_what_was_parked_in_vain_goes_and_what_is_needed_stays(world: World) -> None:
    for message in ("in-vain", "parked"):
        await store_raw_mail(world.blobs, message, MAIL)
    known = Known("parked")
    assert await world.unrecorded.tidy(cast(MaintenanceStore, known)) == 0
    assert known.asked == []
    await world.clock.advance(USUAL)
    assert await world.unrecorded.tidy(cast(MaintenanceStore, known)) == 1
    assert await world.left() == {blob_name("parked")}


async def test_a_mail_that_is_under_way_is_asked_about_again_and_less_and_less_often(world: World) -> None:
    await store_raw_mail(world.blobs, "m1", MAIL)
    known = Known("m1")
    for _ in range(400):
        await world.clock.advance(USUAL)
        await world.unrecorded.tidy(cast(MaintenanceStore, known))
    assert len(known.asked) < LONGEST / USUAL
    await store_raw_mail(world.blobs, "m2", MAIL)
    await world.clock.advance(USUAL)
    known.needed.add("m2")
    await world.unrecorded.tidy(cast(MaintenanceStore, known))
    known.needed.clear()
    await world.clock.advance(2 * USUAL)
    assert await world.unrecorded.tidy(cast(MaintenanceStore, known)) == 1
    assert await world.left() == {blob_name("m1")}


async def test_what_was_recorded_or_deleted_is_not_asked_about(world: World) -> None:
    for message in ("recorded", "deleted"):
        await store_raw_mail(world.blobs, message, MAIL)
    world.unrecorded.recorded([blob_name("recorded")])
    await world.blobs.delete(blob_name("deleted"))
    await world.clock.advance(USUAL)
    known = Known()
    assert await world.unrecorded.tidy(cast(MaintenanceStore, known)) == 0
    assert known.asked == []


async def test_a_blob_whose_commit_failed_is_asked_about_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have got its name before."""

    def fail(_directory: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("shared.adapters.file_blobs.sync_directory", fail)
    with pytest.raises(BlobsUnavailable):
        await store_raw_mail(world.blobs, "m1", MAIL)
    assert await world.left() == {blob_name("m1")}
    await world.clock.advance(USUAL)
    assert await world.unrecorded.tidy(cast(MaintenanceStore, Known())) == 1
    assert await world.left() == set()


async def test_what_is_no_mail_is_left_alone(world: World) -> None:
    writer = await world.blobs.create("epoch/witness")
    await writer.write(b"{}")
    await writer.commit(durable=True)
    await world.clock.advance(USUAL)
    assert await world.unrecorded.tidy(cast(MaintenanceStore, Known())) == 0
    assert await world.left() == {"epoch/witness"}


async def test_what_cannot_be_removed_at_once_is_removed_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store_raw_mail(world.blobs, "m1", MAIL)
    with monkeypatch.context() as away:

        async def refuse(_name: str) -> None:
            raise BlobsUnavailable("the blob store is away")

        away.setattr(world.files, "delete", refuse)
        await world.unrecorded.remove([blob_name("m1")])
    assert await world.left() == {blob_name("m1")}
    await world.clock.advance(DOUBTFUL)
    assert await world.unrecorded.tidy(cast(MaintenanceStore, Known())) == 1
    assert await world.left() == set()


async def test_a_blob_store_that_hangs_holds_up_nobody_for_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_name: str) -> None:
        await asyncio.Event().wait()

    assert REMOVAL > 0
    monkeypatch.setattr("shared.runtime.unrecorded_blobs.REMOVAL", 0.01)
    monkeypatch.setattr(world.files, "delete", hang)
    await world.unrecorded.remove([blob_name("m1"), blob_name("m2")])
