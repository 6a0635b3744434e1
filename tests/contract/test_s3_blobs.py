"""What only blobs in S3 promise: an unusable bucket is reported, and secrets are not."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from shared.adapters.s3_blobs import S3Blobs
from shared.model.s3_location import S3Location
from shared.ports.blobs import BlobsUnavailable, BlobWriter
from tests.servers.moto import Moto
from tests.servers.ports import free_port

KEY = SecretStr("geheim")


def bucket(name: str, endpoint: str) -> S3Location:
    return S3Location(name, "", endpoint, "eu-central-1", "key", KEY)


async def whole(writer: BlobWriter, data: bytes) -> None:
    await writer.write(data)
    await writer.commit(durable=True)


async def test_a_missing_bucket_is_reported_as_such_and_not_as_a_missing_blob(moto: Moto) -> None:
    blobs = S3Blobs(bucket("never-made", moto.endpoint))
    with pytest.raises(BlobsUnavailable, match="s3://never-made") as caught:
        await blobs.check()
    assert caught.value.temporary
    writer = await blobs.create("mail/a")
    with pytest.raises(BlobsUnavailable):
        await whole(writer, b"x")
    with pytest.raises(BlobsUnavailable):
        [name async for name in blobs.list_names()]


@pytest.mark.parametrize("size", [1, 40 * 1024 * 1024])
async def test_an_unreachable_service_is_reported_and_the_blob_cannot_be_committed(size: int) -> None:
    blobs = S3Blobs(bucket("bucket", f"http://127.0.0.1:{free_port()}"))
    writer = await blobs.create("mail/a")
    with pytest.raises(BlobsUnavailable, match="cannot be used") as caught:
        await whole(writer, b"x" * size)
    assert "geheim" not in str(caught.value)
    with pytest.raises(BlobsUnavailable, match="failed before"):
        await writer.commit(durable=True)
    await writer.abort()
