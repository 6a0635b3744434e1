"""The database is compared with its backup marker; nothing is deleted where that is impossible or fails."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from pathlib import Path
from typing import cast

from typing_extensions import override

from services.fetcher.maintenance.epoch_monitor import EpochMonitor
from shared.adapters.file_blobs import FileBlobs
from shared.adapters.system_clock import SystemClock
from shared.ports.blobs import BlobsUnavailable
from shared.ports.store import Epoch, MaintenanceStore
from shared.runtime.backup_marker import NAME, read_backup_marker, sign_of_restore, write_backup_marker


class Rewindable:
    """The epochs of a `MaintenanceStore`; their state can be set back."""

    def __init__(self) -> None:
        self.state = Epoch("db", 1, 0)

    async def epoch(self) -> Epoch:
        return self.state

    async def advance_mark(self, seen_at: float | None = None, copies_since: float = 0.0) -> Epoch:
        if self.state.paused_since is None:
            self.state = replace(self.state, mark=self.state.mark + 1)
        since = self.state.copies_since
        if copies_since and not copies_since < since <= (seen_at or inf) + 3600:
            since = copies_since
        self.state = replace(self.state, seen_at=seen_at or self.state.seen_at, copies_since=since)
        return self.state

    async def pause_deletion(self, reason: str, now: float) -> Epoch:
        if self.state.paused_since is None:
            self.state = replace(self.state, number=self.state.number + 1, paused_since=now, reason=reason)
        return self.state

    async def confirm_epoch(self, mark: int) -> Epoch:
        raise NotImplementedError


def monitor(epochs: Rewindable, directory: Path) -> EpochMonitor:
    return EpochMonitor(cast(MaintenanceStore, epochs), FileBlobs(directory), SystemClock())


async def test_nothing_is_deleted_before_the_first_look(tmp_path: Path) -> None:
    epochs = Rewindable()
    new = monitor(epochs, tmp_path)
    assert new.problem() is not None
    await new.compare()
    assert (new.problem(), new.mark) == (None, 1)


async def test_a_database_that_went_back_pauses_deletion_for_every_process(tmp_path: Path) -> None:
    epochs = Rewindable()
    await monitor(epochs, tmp_path).compare()
    yesterday = epochs.state
    await monitor(epochs, tmp_path).compare()
    epochs.state = yesterday
    for _ in range(2):
        later = monitor(epochs, tmp_path)
        await later.compare()
        assert "restored from a backup" in str(later.problem())
    assert epochs.state.number == 2


async def test_a_process_remembers_the_mark_though_the_backup_marker_is_gone(tmp_path: Path) -> None:
    epochs = Rewindable()
    running = monitor(epochs, tmp_path)
    await running.compare()
    before = epochs.state
    await running.compare()
    await FileBlobs(tmp_path).delete(NAME)
    epochs.state = before
    await running.compare()
    assert "restored from a backup" in str(running.problem())


async def test_another_database_beside_the_same_blobs_is_noticed(tmp_path: Path) -> None:
    epochs = Rewindable()
    await monitor(epochs, tmp_path).compare()
    epochs.state = Epoch("another", 1, 1000)
    other = monitor(epochs, tmp_path)
    await other.compare()
    assert "another database" in str(other.problem())


async def test_while_the_backup_marker_cannot_be_read_deletion_waits_and_then_goes_on(tmp_path: Path) -> None:
    class Away(FileBlobs):
        away = True

        async def create(self, name: str):  # type: ignore[no-untyped-def]  # only raises
            if self.away:
                raise BlobsUnavailable("the disk is full")
            return await super().create(name)

    blobs = Away(tmp_path)
    new = EpochMonitor(cast(MaintenanceStore, Rewindable()), blobs, SystemClock())
    await new.compare()
    assert "the disk is full" in str(new.problem())
    blobs.away = False
    await new.compare()
    assert new.problem() is None


async def test_a_backup_marker_that_makes_no_sense_is_none(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    assert await read_backup_marker(blobs) is None
    for nonsense in (b"", b"{}", b"[1]", b'{"store": "db", "mark": "x"}', b"\xff" * 9000):
        writer = await blobs.create(NAME)
        await writer.write(nonsense)
        await writer.commit(durable=False)
        assert await read_backup_marker(blobs) is None
    await write_backup_marker(blobs, Epoch("db", 1, 7))
    backup_marker = await read_backup_marker(blobs)
    assert backup_marker == ("db", 7)
    assert sign_of_restore(Epoch("db", 1, 7), backup_marker) is None
    assert sign_of_restore(Epoch("db", 1, 6), backup_marker) is not None


class Settable(SystemClock):
    """A clock that a test sets, and time that a test lets pass."""

    def __init__(self, date: float) -> None:
        self.date = date
        self.passed = 0.0

    @override
    def now(self) -> float:
        return self.date

    @override
    def since_boot(self) -> float:
        return self.passed

    def let_pass(self, seconds: float) -> None:
        self.date += seconds
        self.passed += seconds


NOW, YEARS = 1_800_000_000.0, 6 * 365 * 86400.0


async def test_copies_count_from_when_a_clock_was_put_right_for_every_process(tmp_path: Path) -> None:
    epochs, clock = Rewindable(), Settable(NOW - YEARS)
    new = EpochMonitor(cast(MaintenanceStore, epochs), FileBlobs(tmp_path), clock)
    await new.compare()
    assert await new.copies_since() == 0.0
    clock.date = NOW
    assert await new.copies_since() == NOW
    clock.let_pass(30)
    await new.compare()
    clock.let_pass(3600)
    assert await new.copies_since() == NOW
    other = EpochMonitor(cast(MaintenanceStore, epochs), FileBlobs(tmp_path), Settable(NOW + 7200))
    await other.compare()
    assert await other.copies_since() == NOW


async def test_a_process_that_begins_after_the_clock_was_put_right_notices(tmp_path: Path) -> None:
    epochs = Rewindable()
    await EpochMonitor(cast(MaintenanceStore, epochs), FileBlobs(tmp_path), Settable(NOW - YEARS)).compare()
    begun = EpochMonitor(cast(MaintenanceStore, epochs), FileBlobs(tmp_path), Settable(NOW))
    await begun.compare()
    assert await begun.copies_since() == NOW


async def test_another_machine_whose_clock_is_behind_is_noticed_before_its_copies_go(tmp_path: Path) -> None:
    epochs, clock = Rewindable(), Settable(NOW)
    right = EpochMonitor(cast(MaintenanceStore, epochs), FileBlobs(tmp_path), clock)
    await right.compare()
    await EpochMonitor(cast(MaintenanceStore, epochs), FileBlobs(tmp_path), Settable(NOW - YEARS)).compare()
    clock.let_pass(5)
    assert await right.copies_since() == NOW + 5


async def test_a_clock_that_was_ahead_does_not_keep_copies_until_then(tmp_path: Path) -> None:
    epochs, clock = Rewindable(), Settable(NOW)
    running = EpochMonitor(cast(MaintenanceStore, epochs), FileBlobs(tmp_path), clock)
    await running.compare()
    clock.date = NOW + YEARS
    assert await running.copies_since() == NOW + YEARS
    clock.date = NOW
    assert await running.copies_since() == NOW
    clock.let_pass(30)
    await running.compare()
    assert epochs.state.copies_since == NOW


async def test_time_that_passes_and_days_without_a_process_change_nothing(tmp_path: Path) -> None:
    epochs, clock = Rewindable(), Settable(NOW)
    for _ in range(3):
        running = EpochMonitor(cast(MaintenanceStore, epochs), FileBlobs(tmp_path), clock)
        await running.compare()
        clock.let_pass(14 * 86400)
        await running.compare()
        assert await running.copies_since() == 0.0
        clock.let_pass(14 * 86400)
