"""What the demo does for its readers in the console: it goes on, and a mail arrives every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import count

from services.standalone.demo.letters import identified, written
from services.standalone.demo.people import ANNA, BOB, CAROL, CATCH_ALL, DAVE
from services.standalone.demo.pop3_session import Maildrop

EVERY = 5.0
"""Seconds between two mails: seldom enough to follow each."""
MOST = 2000
"""Mails that arrive at most, so that a demo which was forgotten ends."""
ARRIVING = (
    (CATCH_ALL, BOB, "Order 4711"),
    (CATCH_ALL, CAROL, "Minutes of Monday"),
    (ANNA, "anna@firma.example", "Lunch?"),
    (CATCH_ALL, "nobody@firma.example", "To somebody who left"),
    (CATCH_ALL, DAVE, "Offer"),
)


@asynccontextmanager
async def mails_arriving(maildrops: Mapping[str, Maildrop]) -> AsyncIterator[None]:
    """Have mails arrive in the mailboxes of the provider meanwhile."""
    arriving = asyncio.ensure_future(_arrive(maildrops))
    try:
        yield
    finally:
        arriving.cancel()


async def _arrive(maildrops: Mapping[str, Maildrop]) -> None:
    for number in count(1):
        if number > MOST:
            return
        await asyncio.sleep(EVERY)
        mailbox, recipient, subject = ARRIVING[number % len(ARRIVING)]
        fields = (f"Delivered-To: {recipient}", f"To: {recipient}", identified(f"live-{number}"))
        raw = written(*fields, subject=f"{subject} ({number})")
        maildrops[mailbox].mails.append((f"live-{number}", raw))
