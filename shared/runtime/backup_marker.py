"""The witness: what was last seen of the database, kept beside the blobs, so that one that was restored
from a backup is recognised.

Its limits: a backup younger than the last look tells the same as what was lost (`INTERVAL`), and a backup
that holds database and blobs together takes its witness along; against both, mails are recognised again
before they are deleted (rule 4).
"""

from __future__ import annotations

import json
from typing import NamedTuple

from shared.ports.blobs import BlobMissing, Blobs
from shared.ports.store import Epoch

INTERVAL = 30.0
"""Seconds between two looks."""
NAME = "epoch/witness"
LARGEST = 4096


class BackupMarker(NamedTuple):
    """The name of a database and the mark that it had."""

    store: str
    mark: int


async def read_backup_marker(blobs: Blobs) -> BackupMarker | None:
    """What was kept, None where nothing (sensible) is there. Raises `BlobsUnavailable`."""
    data = b""
    try:
        async for piece in blobs.read(NAME):
            data += piece
            if len(data) > LARGEST:
                return None
    except BlobMissing:
        return None
    try:
        told = json.loads(data)
        return BackupMarker(str(told["store"]), int(told["mark"]))
    except (ValueError, TypeError, KeyError):
        return None


async def write_backup_marker(blobs: Blobs, epoch: Epoch) -> None:
    """Keep what `epoch` is now, durably. Raises `BlobsUnavailable`."""
    writer = await blobs.create(NAME)
    try:
        await writer.write(json.dumps({"store": epoch.store, "mark": epoch.mark}).encode("ascii"))
        await writer.commit(durable=True)
    except BaseException:
        await writer.abort()
        raise


def went_back(epoch: Epoch, witness: BackupMarker | None, seen: int = 0) -> str | None:
    """Why the database cannot be the one that was seen before, as a sentence; None where it can.

    `seen` is the mark that this process knows of itself.
    """
    if witness is not None and witness.store != epoch.store:
        return "this is another database than the one that worked with these blobs before"
    if epoch.mark < max(seen, witness.mark if witness else 0):
        return "the database is older than it was before: it was restored from a backup"
    return None


def pause_sentence(epoch: Epoch) -> str | None:
    """That nothing is deleted, why, and what to do; None where deletion goes on."""
    if epoch.paused_since is None:
        return None
    return (
        f"nothing is deleted at the sources: {epoch.reason}; look at `mailferry epoch show`, then allow it "
        "with `mailferry epoch confirm`"
    )
