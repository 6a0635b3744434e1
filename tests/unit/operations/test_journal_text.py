from __future__ import annotations

import pytest

from shared.contract.journal import (
    Deleting,
    DeliveryBegun,
    DeliveryEnded,
    DeliveryProlonged,
    Entry,
    Fetched,
    Gone,
    Lost,
    ParkedDiscarded,
    ParkedRetried,
    RecipientOutcome,
    RecipientRouted,
    Renamed,
    Routed,
    WaitingResolved,
)
from shared.custody.state import Recipient
from shared.model.message import LedgerKey, MessageStatus, RecipientStatus
from shared.operations.journal_text import MESSAGE_TEXTS, entry_lines, recipient_state

BOB, POSTMASTER = "bob@corp.example", "postmaster@corp.example"


def fetched(**changes: object) -> Fetched:
    fields: dict[str, object] = {
        "message": "m",
        "at": 0.0,
        "tenant": "acme",
        "account": "acme/inbox",
        "key": LedgerKey("INBOX", 0, "uid-1"),
        "fetch_no": 1,
        "listed_size": 10,
        "octets": 10,
        "fetcher": "ferry-1",
        "lease_until": 900.0,
        **changes,
    }
    return Fetched.model_validate(fields)


def ended(status: RecipientStatus, **changes: object) -> DeliveryEnded:
    fields: dict[str, object] = {
        "address": BOB,
        "status": status,
        "code": "",
        "text": "451 4.3.0 Later",
        "destination": BOB,
        **changes,
    }
    return DeliveryEnded(
        message="m", at=0.0, outcomes=(RecipientOutcome.model_validate(fields),), lease_until=900.0
    )


def routed(recipient: RecipientRouted, *rejected: str) -> Routed:
    return Routed(
        message="m",
        at=0.0,
        fetch_no=1,
        identity="i",
        message_id="",
        reverse_path="",
        target="exchange",
        evidence="visible To (low confidence)",
        rejected=rejected,
        recipients=(recipient,),
        lease_until=900.0,
        evidence_value="bob@old.example, x@y.example",
    )


@pytest.mark.parametrize(
    ("entry", "lines"),
    [
        (fetched(), ["fetched from acme/inbox by ferry-1: UID uid-1, 10 B"]),
        (
            fetched(fetch_no=2, octets=2048, blob="mail/m"),
            ["fetched again (no. 2) from acme/inbox by ferry-1: UID uid-1, 2.0 KiB, held in a blob"],
        ),
        (
            DeliveryBegun(message="m", at=0.0, addresses=(BOB,), worker="ferry-1", lease_until=1.0),
            [f"delivery to {BOB} begun by relay ferry-1"],
        ),
        (
            DeliveryProlonged(message="m", at=0.0, addresses=(BOB,), lease_until=1.0),
            [f"delivery to {BOB} takes long and goes on"],
        ),
        (ended(RecipientStatus.DELIVERED, text="250 OK"), [f"{BOB}: delivered: 250 OK"]),
        (
            ended(RecipientStatus.DELIVERED, text="250 OK", destination=POSTMASTER),
            [f"{BOB}: delivered as {POSTMASTER}: 250 OK"],
        ),
        (
            ended(RecipientStatus.DEFERRED, next_attempt_at=60.0, in_doubt=True),
            [f"{BOB}: deferred, in doubt: 451 4.3.0 Later; next attempt 1970-01-01 00:01:00 UTC"],
        ),
        (
            ended(RecipientStatus.DEFERRED, text="550 No", destination=POSTMASTER, next_attempt_at=0.0),
            [f"{BOB}: 550 No; goes to {POSTMASTER} instead"],
        ),
        (ended(RecipientStatus.PARKED, text="554 No"), [f"{BOB}: parked: 554 No"]),
        (
            Lost(message="m", at=0.0, reason="restart"),
            ["lost: restart"],
        ),
        (Deleting(message="m", at=0.0), ["deletion at the source allowed: every recipient is done"]),
        (Gone(message="m", at=0.0, reason="deleted as settled"), ["gone: deleted as settled"]),
        (ParkedDiscarded(message="m", at=0.0, address=""), ["nobody: discarded by an operator"]),
        (
            ParkedRetried(message="m", at=0.0, address=BOB, destination=POSTMASTER, target="exchange"),
            [f"{BOB}: retried by an operator, to {POSTMASTER} at exchange"],
        ),
        (
            WaitingResolved(message="m", at=0.0, address=BOB, holder="h", status=RecipientStatus.SUPPRESSED),
            [f"{BOB}: the identical mail h has arrived; not delivered again"],
        ),
        (
            WaitingResolved(message="m", at=0.0, address=BOB, holder="h", status=RecipientStatus.OPEN),
            [f"{BOB}: the identical mail h was not delivered; this one is"],
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Entry) else "",
)
def test_each_entry_is_told_in_words(entry: Entry, lines: list[str]) -> None:
    assert entry_lines(entry) == lines


def test_routing_is_told_with_reasons_translations_and_what_was_not_used() -> None:
    recipient = RecipientRouted(
        address=BOB,
        destination=BOB,
        original="bob@old.example",
        reason="named in To; old.example is translated to corp.example",
        status=RecipientStatus.OPEN,
    )
    assert entry_lines(routed(recipient, "x@y.example: y.example is not an accepted domain")) == [
        "routed by visible To (low confidence) to target exchange, sender <>",
        "found: bob@old.example, x@y.example",
        f"{BOB}: bob@old.example, named in To; old.example is translated to corp.example; to be delivered",
        "not used: x@y.example: y.example is not an accepted domain",
    ]


def test_a_mail_without_recipient_is_told_as_parked_for_nobody() -> None:
    nobody = RecipientRouted(
        address="",
        destination="",
        original="",
        reason="no field names a recipient",
        status=RecipientStatus.PARKED,
    )
    assert entry_lines(routed(nobody))[2] == "nobody: no field names a recipient; parked"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (RecipientStatus.OPEN, "to be delivered"),
        (RecipientStatus.DEFERRED, "to be delivered when its retry is due"),
        (RecipientStatus.WAITING, "waits for an identical mail that is on its way there"),
        (RecipientStatus.SUPPRESSED, "an identical mail has arrived there; not delivered again"),
    ],
)
def test_each_way_of_routing_a_recipient_is_told(status: RecipientStatus, words: str) -> None:
    recipient = RecipientRouted(address=BOB, destination=BOB, original=BOB, reason="named", status=status)
    assert entry_lines(routed(recipient))[2] == f"{BOB}: named; {words}"


def test_a_recipient_stands_with_its_last_answer() -> None:
    deferred = Recipient(
        BOB, BOB, BOB, "named", RecipientStatus.DEFERRED, "exchange", 1, 60.0, "4.3.0", "451 4.3.0 Later", 1
    )
    assert recipient_state(deferred) == (
        "deferred, next attempt 1970-01-01 00:01:00 UTC, 1 in doubt: 451 4.3.0 Later"
    )


def test_every_status_of_a_message_has_its_words() -> None:
    assert MESSAGE_TEXTS.keys() == set(MessageStatus)


def test_a_mail_is_told_with_its_folder_unless_that_is_inbox() -> None:
    (line,) = entry_lines(fetched(key=LedgerKey("Info/Web", 7, "0000004711")))
    assert "UID 0000004711 in the folder Info/Web, " in line
    moved = Renamed(message="m1", at=1.0, key=LedgerKey("Sales", 7, "0000000001"), listed_size=1)
    assert entry_lines(moved) == [
        "recognised at the source under another UID: 0000000001 in the folder Sales"
    ]
