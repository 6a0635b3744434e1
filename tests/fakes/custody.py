"""Messages and journal entries for tests of the custody rules: a test gives only what matters to it."""

from __future__ import annotations

from typing import Any

from shared.contract.journal import DeliveryEnded, Entry, Fetched, RecipientOutcome, RecipientRouted, Routed
from shared.custody.commands import ChosenRecipient, FetchedMail, RoutedMail
from shared.custody.fold import fold
from shared.custody.state import Message, Recipient
from shared.model.message import LedgerKey, MessageStatus, RecipientStatus

NOW = 1000.0
LEASE = 900.0
BOB = "bob@corp.example"
EVE = "eve@corp.example"
KEY = LedgerKey("INBOX", 0, "uid 1")


def recipient(
    address: str = BOB, status: RecipientStatus = RecipientStatus.OPEN, **changes: Any
) -> Recipient:
    return Recipient(address, address, address, "Delivered-To", status, "exchange")._replace(**changes)


def message(
    status: MessageStatus = MessageStatus.ROUTED, *recipients: Recipient, id: str = "m1", **changes: Any
) -> Message:
    made = Message(
        id=id,
        tenant="acme",
        account="acme/box",
        key=KEY,
        status=status,
        fetch_no=1,
        listed_size=4000,
        octets=4096,
        fetcher="fetcher-1",
        first_fetched_at=NOW,
        lease_until=NOW + LEASE,
        identity="content",
        recipients={each.address: each for each in recipients},
    )
    return made._replace(**changes)


def fetched_mail(known: int = 0, **changes: Any) -> FetchedMail:
    values: dict[str, Any] = {
        "message": "m1", "tenant": "acme", "key": KEY, "known_fetch_no": known,
        "listed_size": 4000, "octets": 4096, "fetcher": "fetcher-1",
    }  # fmt: skip
    return FetchedMail(**{**values, **changes})


def routed_mail(*addresses: str, **changes: Any) -> RoutedMail:
    values: dict[str, Any] = {
        "message": "m1", "fetch_no": 1, "identity": "content", "message_id": "<1@x>",
        "reverse_path": "s@x", "target": "exchange", "evidence": "Delivered-To",
        "recipients": tuple(ChosenRecipient(each, each, "Delivered-To") for each in addresses),
    }  # fmt: skip
    return RoutedMail(**{**values, **changes})


def fetched_entry(**changes: Any) -> Fetched:
    values: dict[str, Any] = {
        "message": "m1", "at": NOW, "tenant": "acme", "account": "acme/box", "key": KEY, "fetch_no": 1,
        "listed_size": 4000, "octets": 4096, "fetcher": "fetcher-1", "lease_until": NOW + LEASE,
    }  # fmt: skip
    return Fetched(**{**values, **changes})


def routed_entry(*recipients: tuple[str, RecipientStatus], **changes: Any) -> Routed:
    values: dict[str, Any] = {
        "message": "m1", "at": NOW + 1, "fetch_no": 1, "identity": "content", "message_id": "<1@x>",
        "reverse_path": "s@x", "target": "exchange", "evidence": "Delivered-To", "rejected": (),
        "recipients": tuple(
            RecipientRouted(
                address=address, destination=address, original=address, reason="why", status=status
            )
            for address, status in recipients
        ),
        "lease_until": NOW + LEASE,
    }  # fmt: skip
    return Routed(**{**values, **changes})


def outcome_of(
    address: str, status: RecipientStatus, again_at: float | None = None, **changes: Any
) -> RecipientOutcome:
    values: dict[str, Any] = {
        "address": address, "status": status, "code": "250", "text": "said so", "destination": address,
        "next_attempt_at": again_at,
    }  # fmt: skip
    return RecipientOutcome(**{**values, **changes})


def ended_entry(*outcomes: RecipientOutcome, **changes: Any) -> DeliveryEnded:
    values: dict[str, Any] = {
        "message": "m1",
        "at": NOW + 3,
        "outcomes": outcomes,
        "lease_until": NOW + LEASE,
    }
    return DeliveryEnded(**{**values, **changes})


def folded(*entries: Entry) -> Message:
    """Return the message that these entries, in their order, make."""
    message: Message | None = None
    for entry in entries:
        message = fold(message, entry)
    assert message is not None
    return message
