"""What mails of a large database look like, by what became of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random

from bench.filling import SEED
from bench.mail_templates import MailTemplate, Owner, Story
from shared.adapters.sql.rows import claim_row, journal_row, message_row, recipient_row
from shared.contract.journal import (
    Deleting,
    DeliveryBegun,
    DeliveryEnded,
    Entry,
    Fetched,
    Gone,
    RecipientOutcome,
    RecipientRouted,
    Routed,
)
from shared.custody.fold import fold
from shared.custody.state import Claim, ClaimKey, Message
from shared.model.ids import message_id
from shared.model.message import LedgerKey, RecipientStatus

GONE, KEPT, PARKED, ON_WAY = "gone", "kept", "parked", "on its way"
STATES = (*(GONE,) * 897, *(KEPT,) * 100, *(PARKED,) * 2, ON_WAY)
"""Of a thousand mails, mixed by `template`'s owner, which spreads neighbours over the accounts."""


def template(state: str, owner: Owner) -> MailTemplate:
    """Return a template of mails of which that became."""
    entries = [*_entries(state, owner)]
    message: Message | None = None
    for entry in entries:
        message = fold(message, entry)
    assert message is not None
    _, to, tenant = owner(0)
    claim = Claim(message.id, done=state in {GONE, KEPT})
    return MailTemplate(
        Story(
            message_row(message),
            [recipient_row(message, each) for each in message.recipients.values()],
            [claim_row(ClaimKey(tenant, to, message.identity), claim)],
            [*map(journal_row, entries)],
        ),
        owner,
    )


def _entries(state: str, owner: Owner) -> Iterator[Entry]:
    now, random = time.time(), Random(SEED)
    mail = message_id(now, random.randbytes)
    account, to, tenant = owner(0)
    blob = f"{mail}.eml" if state == PARKED else None
    yield Fetched(
        message=mail,
        at=now,
        tenant=tenant,
        account=account,
        key=LedgerKey("INBOX", 1, f"{0:016x}"),
        fetch_no=1,
        listed_size=4096,
        octets=4096,
        fetcher="bench",
        lease_until=now + 900.5,
    )
    routed = RecipientRouted(
        address=to, destination=to, original=to, reason="single", status=RecipientStatus.OPEN
    )
    yield Routed(
        message=mail,
        at=now + 0.125,
        fetch_no=1,
        identity=random.randbytes(20).hex(),
        message_id=f"<bench.{0:010d}@sender.example>",
        reverse_path="somebody@sender.example",
        target="sink",
        evidence="single",
        rejected=(),
        recipients=(routed,),
        lease_until=now + 900.625,
    )
    if state == ON_WAY:
        return
    yield DeliveryBegun(
        message=mail, at=now + 0.25, addresses=(to,), worker="bench", lease_until=now + 900.75
    )
    outcome = RecipientOutcome(
        address=to, status=RecipientStatus.DELIVERED, code="250", text="2.0.0 Ok: queued", destination=to
    )
    if state == PARKED:
        refused = {"status": RecipientStatus.PARKED, "code": "550", "text": "5.1.1 no such user"}
        outcome = outcome.model_copy(update=refused)
    yield DeliveryEnded(
        message=mail, at=now + 0.375, outcomes=(outcome,), lease_until=now + 900.875, blob=blob
    )
    if state == GONE:
        yield Deleting(message=mail, at=now + 0.5)
        yield Gone(message=mail, at=now + 60.5, reason="deleted")
