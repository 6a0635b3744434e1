from __future__ import annotations

from shared.custody.state import Message, Recipient
from shared.model.message import LedgerKey, MessageStatus, RecipientStatus
from shared.operations.pass_report import reasons, summary


def message(*recipients: Recipient) -> Message:
    return Message(
        id="m",
        tenant="acme",
        account="acme/inbox",
        key=LedgerKey("INBOX", 0, "uid-1"),
        status=MessageStatus.ROUTED,
        fetch_no=1,
        listed_size=1,
        octets=1,
        fetcher="f",
        first_fetched_at=0.0,
        lease_until=1.0,
        recipients={each.address: each for each in recipients},
    )


def recipient(address: str, status: RecipientStatus, text: str = "") -> Recipient:
    return Recipient(address, address, address, "named", status, "exchange", text=text)


def test_only_recipients_that_are_not_done_give_a_reason() -> None:
    mail = message(
        recipient("a@x", RecipientStatus.DELIVERED, "250 OK"),
        recipient("b@x", RecipientStatus.DEFERRED, "451 Later\x1b"),
        recipient("c@x", RecipientStatus.WAITING),
        recipient("d@x", RecipientStatus.ATTEMPTING),
    )
    assert reasons(mail) == ["451 Later\\x1b", "waits for an identical mail to arrive", "not delivered yet"]


def test_a_mail_without_recipients_is_not_routed_yet() -> None:
    assert reasons(message()) == ["not routed yet"]


def test_reasons_are_counted_and_the_most_frequent_come_first() -> None:
    assert summary(["a", "b", "b", "c", "c", "c", "d", "e"]) == "c (3×); b (2×); a; and 2 other reasons"
    assert summary([]) is None
