"""Opens the blob store of a configuration."""

from __future__ import annotations

from shared.adapters.file_blobs import FileBlobs
from shared.config.configuration import BlobsLocation
from shared.ports.blobs import Blobs


def open_blobs(section: BlobsLocation) -> Blobs:
    """Return the blob store. It is not contacted before its first use."""
    if section.directory is not None:
        return FileBlobs(section.directory)
    from shared.adapters.s3_blobs import S3Blobs  # noqa: PLC0415 - most processes keep blobs in files

    assert section.bucket is not None, "blobs are in a directory or in a bucket"
    return S3Blobs(section.bucket)
