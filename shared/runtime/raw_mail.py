"""The names of blobs with raw mail, and how a mail gets into one.

A mail is parked only after its raw bytes are durable (rule 3 of the protocol of custody). A blob that a
fetcher writes is durable from the start, as the mail may be parked later.
"""

from __future__ import annotations

from shared.contract.events import Payload
from shared.ports.blobs import Blobs

FOLDER = "mail/"


def blob_name(message: str) -> str:
    """Return the name of the blob for the raw mail of `message`."""
    return FOLDER + message


def message_in(blob: str) -> str | None:
    """Return the message whose raw mail is in the blob of this name; None for other blobs."""
    folder, slash, message = blob.rpartition("/")
    return message if folder + slash == FOLDER and message else None


async def store_raw_mail(blobs: Blobs, message: str, payload: Payload) -> str:
    """Write the mail to a durable blob, unless it is in one, and return the blob's name.

    Raises `BlobMissing` if the blob with the mail is gone, and `BlobsUnavailable`.
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
