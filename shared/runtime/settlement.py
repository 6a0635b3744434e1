"""What follows when messages are settled: the fetchers that wait are told, and blobs nobody needs any more
go.

Both are courtesies: a hint that is lost costs time, a blob that stays costs space; the database holds the
truth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import structlog

from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageSettled
from shared.contract.topology import settled_key
from shared.custody.commands import Settled
from shared.ports.blobs import Blobs, BlobsUnavailable
from shared.ports.broker import Publication

log = structlog.get_logger("mailferry.settlement")


def hints(settled: Sequence[Settled]) -> list[Publication]:
    """A hint to each fetcher concerned, which may be gone by now."""
    by_fetcher: dict[str, list[str]] = defaultdict(list)
    for each in settled:
        by_fetcher[each.fetcher].append(each.message)
    return [
        Publication(
            settled_key(fetcher),
            EVENT_CODEC.encode_event(MessageSettled(messages=tuple(messages))),
            mandatory=False,
        )
        for fetcher, messages in by_fetcher.items()
    ]


async def release_blobs(blobs: Blobs, settled: Sequence[Settled]) -> None:
    """Delete the blobs that settled messages leave behind; what cannot be deleted now is left for the clean-
    up.
    """
    for each in settled:
        if each.blob is None:
            continue
        try:
            await blobs.delete(each.blob)
        except BlobsUnavailable as error:
            log.warning("blob left behind", message=each.message, error=error)
