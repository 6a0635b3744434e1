"""The database is compared with its witness; deletion waits where that is not possible or not good."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from services.fetcher.chores.epoch_watch import EpochWatch
from shared.adapters.file_blobs import FileBlobs
from shared.adapters.system_clock import SystemClock
from shared.ops.witness import NAME, keep_witness, read_witness, went_back
from shared.ports.blobs import BlobsUnavailable
from shared.ports.store import Epoch


class Rewindable:
    """An `Epochs` whose state can be set back."""

    def __init__(self) -> None:
        self.state = Epoch("db", 1, 0)

    async def epoch(self) -> Epoch:
        return self.state

    async def advance_mark(self) -> Epoch:
        if self.state.paused_since is None:
            self.state = replace(self.state, mark=self.state.mark + 1)
        return self.state

    async def pause_deletion(self, reason: str, now: float) -> Epoch:
        if self.state.paused_since is None:
            self.state = replace(self.state, number=self.state.number + 1, paused_since=now, reason=reason)
        return self.state

    async def confirm_epoch(self, mark: int) -> Epoch:
        raise NotImplementedError


def watch(epochs: Rewindable, directory: Path) -> EpochWatch:
    return EpochWatch(epochs, FileBlobs(directory), SystemClock())


async def test_nothing_is_deleted_before_the_first_look(tmp_path: Path) -> None:
    epochs = Rewindable()
    new = watch(epochs, tmp_path)
    assert new.problem() is not None
    await new.look()
    assert (new.problem(), new.mark) == (None, 1)


async def test_a_database_that_went_back_pauses_deletion_for_every_process(tmp_path: Path) -> None:
    epochs = Rewindable()
    await watch(epochs, tmp_path).look()
    yesterday = epochs.state
    await watch(epochs, tmp_path).look()
    epochs.state = yesterday
    for _ in range(2):
        later = watch(epochs, tmp_path)
        await later.look()
        assert "restored from a backup" in str(later.problem())
    assert epochs.state.number == 2


async def test_a_process_remembers_the_mark_though_the_witness_is_gone(tmp_path: Path) -> None:
    epochs = Rewindable()
    running = watch(epochs, tmp_path)
    await running.look()
    before = epochs.state
    await running.look()
    await FileBlobs(tmp_path).delete(NAME)
    epochs.state = before
    await running.look()
    assert "restored from a backup" in str(running.problem())


async def test_another_database_beside_the_same_blobs_is_noticed(tmp_path: Path) -> None:
    epochs = Rewindable()
    await watch(epochs, tmp_path).look()
    epochs.state = Epoch("another", 1, 1000)
    other = watch(epochs, tmp_path)
    await other.look()
    assert "another database" in str(other.problem())


async def test_while_the_witness_cannot_be_read_deletion_waits_and_then_goes_on(tmp_path: Path) -> None:
    class Away(FileBlobs):
        away = True

        async def create(self, name: str):  # type: ignore[no-untyped-def]  # only raises
            if self.away:
                raise BlobsUnavailable("the disk is full")
            return await super().create(name)

    blobs = Away(tmp_path)
    new = EpochWatch(Rewindable(), blobs, SystemClock())
    await new.look()
    assert "the disk is full" in str(new.problem())
    blobs.away = False
    await new.look()
    assert new.problem() is None


async def test_a_witness_that_makes_no_sense_is_none(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    assert await read_witness(blobs) is None
    for nonsense in (b"", b"{}", b"[1]", b'{"store": "db", "mark": "x"}', b"\xff" * 9000):
        writer = await blobs.create(NAME)
        await writer.write(nonsense)
        await writer.commit(durable=False)
        assert await read_witness(blobs) is None
    await keep_witness(blobs, Epoch("db", 1, 7))
    witness = await read_witness(blobs)
    assert witness == ("db", 7)
    assert went_back(Epoch("db", 1, 7), witness) is None
    assert went_back(Epoch("db", 1, 6), witness) is not None
