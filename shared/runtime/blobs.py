"""The blob store that a configuration names."""

from __future__ import annotations

from shared.adapters.file_blobs import FileBlobs
from shared.config.configuration import BlobsLocation
from shared.ports.blobs import Blobs


def open_blobs(section: BlobsLocation) -> Blobs:
    """The store; it is reached when it is first used."""
    if section.directory is not None:
        return FileBlobs(section.directory)
    from shared.adapters.s3_blobs import S3Blobs  # noqa: PLC0415 - not every process has use for it

    assert section.bucket is not None, "blobs lie in a directory or in a bucket"
    return S3Blobs(section.bucket)
