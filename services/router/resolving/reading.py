"""Reading a mail that an event brings, wherever its bytes are: its examination and its identities.

A mail inside the event is looked at whole; one in a blob is read once, piece by piece, and only its header is
held.
"""

from __future__ import annotations

from typing import NamedTuple

from services.router.decide.identity import Identities, Identity, identities
from services.router.header.fields import header_is_here
from services.router.resolving.examination import Examination, examine
from shared.contract.events import MessageFetched
from shared.model.account import Account
from shared.ports.blobs import Blobs


class Reading(NamedTuple):
    """What was read from a mail."""

    examination: Examination
    identities: Identities


async def read_mail(event: MessageFetched, account: Account, blobs: Blobs) -> Reading:
    """Read the mail of `event`. Raises what reading its blob raises."""
    raw = event.payload.inline
    if raw is None:
        return await _read_blob(event, account, blobs)
    examination = examine(raw, account, event.fetched_at)
    found = identities(raw, examination.header, account.routing.dedup, event.message)
    return Reading(examination, found)


async def _read_blob(event: MessageFetched, account: Account, blobs: Blobs) -> Reading:
    digest = Identity(account.routing.dedup, event.message)
    beginning = bytearray()
    complete = False
    async for chunk in blobs.read(event.payload.blob or ""):
        digest.feed(chunk)
        if not complete:
            seen = len(beginning)
            beginning += chunk
            complete = header_is_here(beginning, seen)
    examination = examine(bytes(beginning), account, event.fetched_at)
    return Reading(examination, digest.values())
