"""The backup marker: the last known state of the database, kept with the blobs. It shows whether the database
was restored from a backup.

It cannot show a backup that is younger than the last look (`INTERVAL`), nor one that holds database and blobs
together. In both cases mails are recognised again before they are deleted (rule 4).
"""

from __future__ import annotations

import json
from typing import NamedTuple

from shared.ports.blobs import BlobMissing, Blobs
from shared.ports.store import Epoch

INTERVAL = 30.0
"""Seconds between two looks at the database."""
NAME = "epoch/witness"
MAX_SIZE = 4096


class BackupMarker(NamedTuple):
    """The id of a database and its mark, which only rises."""

    store: str
    mark: int


async def read_backup_marker(blobs: Blobs) -> BackupMarker | None:
    """Read the marker; None if there is none or it cannot be understood. Raises `BlobsUnavailable`."""
    data = b""
    try:
        async for piece in blobs.read(NAME):
            data += piece
            if len(data) > MAX_SIZE:
                return None
    except BlobMissing:
        return None
    try:
        fields = json.loads(data)
        return BackupMarker(str(fields["store"]), int(fields["mark"]))
    except (ValueError, TypeError, KeyError):
        return None


async def write_backup_marker(blobs: Blobs, epoch: Epoch) -> None:
    """Write `epoch` durably. Raises `BlobsUnavailable`."""
    writer = await blobs.create(NAME)
    try:
        await writer.write(json.dumps({"store": epoch.store, "mark": epoch.mark}).encode("ascii"))
        await writer.commit(durable=True)
    except BaseException:
        await writer.abort()
        raise


def sign_of_restore(epoch: Epoch, marker: BackupMarker | None, seen: int = 0) -> str | None:
    """Return why the database is not the one that was seen before, as a sentence; None if it may be.

    `seen` is the highest mark that this process saw.
    """
    if marker is not None and marker.store != epoch.store:
        return "this is another database, not the one that was used with these blobs before"
    if epoch.mark < max(seen, marker.mark if marker else 0):
        return "the database is older than it was before: it was restored from a backup"
    return None


def pause_sentence(epoch: Epoch) -> str | None:
    """Return that deletion is paused, why, and what to do, as a sentence; None if it is not paused."""
    if epoch.paused_since is None:
        return None
    return (
        f"nothing is deleted at the sources: {epoch.reason}; read `mailferry epoch show`, then allow it "
        "with `mailferry epoch confirm`"
    )
