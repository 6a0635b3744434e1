"""What follows when messages are settled: their fetchers get hints, and their blobs are deleted.

Neither is needed for correctness, as the database is the truth. A lost hint costs time, and a blob that stays
costs space.
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


def settlement_hints(settled: Sequence[Settled]) -> list[Publication]:
    """Return one hint for each fetcher of the messages. The fetcher may no longer run."""
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


async def delete_blobs(blobs: Blobs, settled: Sequence[Settled]) -> None:
    """Delete the blobs of settled messages. The sweep deletes what cannot be deleted now."""
    for each in settled:
        if each.blob is None:
            continue
        try:
            await blobs.delete(each.blob)
        except BlobsUnavailable as error:
            log.warning("blob of a settled mail not deleted", message=each.message, error=error)
