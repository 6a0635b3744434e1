"""Where the raw mail of a message lies when it lies in a blob, and how it gets there.

A mail is parked only after its raw bytes are durable (rule 3 of the protocol of custody). A blob made by a
fetcher is durable from the start, as nobody knows then what will become of the mail.
"""

from __future__ import annotations

from shared.contract.events import Payload
from shared.ports.blobs import Blobs

FOLDER = "mail/"


def blob_name(message: str) -> str:
    """The name of the blob that holds the raw mail of `message`."""
    return FOLDER + message


def message_in(blob: str) -> str | None:
    """The message whose raw mail the blob of this name holds; None where it is none of that kind."""
    folder, slash, message = blob.rpartition("/")
    return message if folder + slash == FOLDER and message else None


async def store_raw_mail(blobs: Blobs, message: str, payload: Payload) -> str:
    """The name of the blob that durably holds the mail, written now if it was not.

    Raises `BlobMissing` where the blob it was in is no more, and `BlobsUnavailable`.
    """
    if payload.blob is not None:
        async for _ in blobs.read(payload.blob):
            break
        return payload.blob
    writer = await blobs.create(blob_name(message))
    try:
        await writer.write(payload.inline or b"")
        await writer.commit(durable=True)
    except BaseException:
        await writer.abort()
        raise
    return blob_name(message)
