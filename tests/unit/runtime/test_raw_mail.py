from __future__ import annotations

from pathlib import Path

import pytest

from shared.adapters.file_blobs import FileBlobs
from shared.contract.events import Payload
from shared.ports.blobs import BlobMissing, BlobsUnavailable
from shared.runtime.raw_mail import store_raw_mail

MAIL = b"Subject: x\r\n\r\nx\r\n"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_mail_inside_its_event_is_written_to_a_blob(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    name = await store_raw_mail(blobs, "m1", Payload(octets=len(MAIL), inline=MAIL))
    assert b"".join([piece async for piece in blobs.read(name)]) == MAIL


async def test_a_mail_that_is_in_a_blob_stays_there(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    writer = await blobs.create("mail/m1")
    await writer.write(MAIL)
    await writer.commit(durable=True)
    assert await store_raw_mail(blobs, "m1", Payload(octets=len(MAIL), blob="mail/m1")) == "mail/m1"


async def test_a_mail_whose_blob_is_missing_is_not_safe(tmp_path: Path) -> None:
    with pytest.raises(BlobMissing):
        await store_raw_mail(FileBlobs(tmp_path), "m1", Payload(octets=1, blob="mail/m1"))


async def test_a_full_disk_leaves_no_piece_and_no_open_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    tmp_path.joinpath("partial").mkdir()
    before = open_files()
    for _ in range(3):
        with pytest.raises(BlobsUnavailable, match="is full"):
            await store_raw_mail(FileBlobs(tmp_path), "m1", Payload(octets=len(MAIL), inline=MAIL))
    assert list(tmp_path.joinpath("partial").iterdir()) == []
    assert open_files() == before
