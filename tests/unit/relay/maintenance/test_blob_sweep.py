"""The sweep removes blobs that are not needed, and never one that is, whatever happens meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.maintenance.blob_sweep import MIN_AGE, UNKNOWN_FOR, BlobSweep, SweepResult
from shared.adapters.file_blobs import FileBlobs
from shared.adapters.system_clock import SystemClock
from shared.contract.events import Payload
from shared.ports.store import MaintenanceStore
from shared.runtime.raw_mail import blob_name, message_in, store_raw_mail

OLD = 2 * MIN_AGE


class Known:
    """The database: `needed` is looked up after `meanwhile` was called."""

    def __init__(self, *needed: str) -> None:
        self.needed = set(needed)
        self.done: set[str] = set()
        self.asked: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None

    async def raw_mail_needed(self, messages: Sequence[str]) -> Sequence[str]:
        self.meanwhile()
        self.asked += messages
        return [each for each in messages if each in self.needed]

    async def raw_mail_not_needed(self, messages: Sequence[str]) -> Sequence[str]:
        self.asked += messages
        return [each for each in messages if each in self.done]


async def stored(root: Path, name: str, age: float) -> None:
    """Store a blob that was written so many seconds ago."""
    writer = await FileBlobs(root).create(name)
    await writer.write(b"mail")
    await writer.commit(durable=False)
    make_old(root, f"??/{name.replace('/', '+')}", time.time() - age)


def make_old(root: Path, pattern: str, then: float) -> None:
    (path,) = root.glob(pattern)
    os.utime(path, (then, then))


async def left(root: Path) -> set[str]:
    return {name async for name in FileBlobs(root).list_names()}


async def swept(root: Path, known: Known) -> SweepResult:
    return await BlobSweep(FileBlobs(root), cast(MaintenanceStore, known), SystemClock()).sweep_once()


async def test_old_unneeded_blobs_are_removed_and_all_others_stay(tmp_path: Path) -> None:
    for name, age in (
        ("mail/orphan", OLD),
        ("mail/parked", OLD),
        ("mail/young", 60),
        ("mail/deeper/orphan", OLD),
        ("other/orphan", OLD),
    ):
        await stored(tmp_path, name, age)

    assert await swept(tmp_path, Known("parked")) == SweepResult(removed=1, needed=2)
    assert await left(tmp_path) == {"mail/parked", "mail/young", "mail/deeper/orphan", "other/orphan"}


async def test_a_mail_that_is_entered_while_its_blob_is_listed_keeps_it(tmp_path: Path) -> None:
    await stored(tmp_path, "mail/late", OLD)
    known = Known()
    known.meanwhile = lambda: known.needed.add("late")

    assert await swept(tmp_path, known) == SweepResult(needed=1)
    assert await left(tmp_path) == {"mail/late"}


async def test_a_mail_that_is_parked_while_it_is_swept_keeps_its_blob(tmp_path: Path) -> None:
    """A message whose recipient is being parked is not settled, so the database needs its blob."""
    await stored(tmp_path, blob_name("m1"), OLD)
    known = Known("m1")
    payload = Payload(octets=4, inline=b"mail")
    sweep = BlobSweep(FileBlobs(tmp_path), cast(MaintenanceStore, known), SystemClock())
    await sweep.sweep_once()
    await store_raw_mail(FileBlobs(tmp_path), "m1", payload)
    known.needed.clear()
    assert await sweep.sweep_once() == SweepResult()
    assert await left(tmp_path) == {"mail/m1"}


async def test_more_blobs_than_one_batch_are_all_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.relay.maintenance.blob_sweep.BATCH", 20)
    for number in range(45):
        await stored(tmp_path, f"mail/m{number}", OLD)
    known = Known(*(f"m{number}" for number in range(0, 45, 3)))

    assert await swept(tmp_path, known) == SweepResult(removed=30, needed=15)
    assert len(set(known.asked)) == 45
    assert await left(tmp_path) == {f"mail/{each}" for each in known.needed}


async def test_unfinished_blobs_are_removed_once_they_are_old(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    for name in ("old", "young"):
        writer = await blobs.create(f"mail/{name}")
        await writer.write(b"x" * 300_000)
    make_old(tmp_path, "partial/mail+old*", 0)

    assert await swept(tmp_path, Known()) == SweepResult(leftovers=1)
    make_old(tmp_path, "partial/*", 0)


async def test_an_unused_store_is_swept_without_asking_anybody(tmp_path: Path) -> None:
    known = Known()
    assert await swept(tmp_path / "never-used", known) == SweepResult()
    assert known.asked == []


async def test_the_blob_of_a_settled_mail_is_removed_however_young_it_is(tmp_path: Path) -> None:
    for message in ("done", "needed", "unknown"):
        await stored(tmp_path, blob_name(message), 0)
    await stored(tmp_path, "mail/deeper/done", OLD)
    known = Known("needed")
    known.done = {"done"}
    sweep = BlobSweep(FileBlobs(tmp_path), cast(MaintenanceStore, known), SystemClock())

    assert await sweep.remove_settled() == 1
    assert await left(tmp_path) == {"mail/needed", "mail/unknown", "mail/deeper/done"}
    assert await sweep.remove_settled() == 0


class Forward(SystemClock):
    """A clock whose monotonic time is set by the test; its date is nonsense."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return self.passed


async def test_an_unknown_blob_is_removed_after_an_hour_whatever_the_date_is(tmp_path: Path) -> None:
    for message in ("unknown", "needed", "done", "entered-late"):
        await stored(tmp_path, blob_name(message), 0)
    known, clock = Known("needed"), Forward()
    known.done = {"done"}
    sweep = BlobSweep(FileBlobs(tmp_path), cast(MaintenanceStore, known), clock)
    assert (await sweep.sweep_once()).removed == 0
    known.needed.add("entered-late")
    clock.passed = UNKNOWN_FOR - 1
    assert (await sweep.sweep_once()).removed == 0
    clock.passed = UNKNOWN_FOR
    assert (await sweep.sweep_once()).removed == 1
    assert await left(tmp_path) == {"mail/needed", "mail/done", "mail/entered-late"}


async def test_a_lone_process_removes_unknown_and_unfinished_blobs_at_once(tmp_path: Path) -> None:
    for message in ("unknown", "needed", "done"):
        await stored(tmp_path, blob_name(message), 0)
    await stored(tmp_path, "epoch/witness", 0)
    writer = await FileBlobs(tmp_path).create("mail/unfinished")
    await writer.write(b"x" * 300_000)
    known = Known("needed")
    known.done = {"done"}
    assert (
        await BlobSweep(
            FileBlobs(tmp_path), cast(MaintenanceStore, known), SystemClock()
        ).remove_all_unknown()
        == 2
    )
    assert await left(tmp_path) == {"mail/needed", "mail/done", "epoch/witness"}


@given(st.text("abc/-0", max_size=30))
def test_only_blobs_named_as_raw_mails_are_removed(name: str) -> None:
    message = message_in(name)
    assert message is None or (blob_name(message) == name and "/" not in message)
    assert (message is not None) == (name.startswith("mail/") and name.count("/") == 1 and name != "mail/")


@pytest.mark.parametrize("message", ["01h455vb4pex5vsknk084sn02q", "m1"])
def test_the_message_is_found_in_the_name_that_was_made_for_it(message: str) -> None:
    assert message_in(blob_name(message)) == message
