from __future__ import annotations

from dataclasses import replace

from services.standalone.demo.checks import Arrival, Findings, arrivals, complaints
from services.standalone.demo.letters import Letter, at_the_target
from services.standalone.demo.mailbag import mailbag
from services.standalone.demo.people import ANNA, CATCH_ALL
from services.standalone.demo.smtp_session import AcceptedMail
from shared.custody.state import Message, Recipient
from shared.model.message import LedgerKey, MessageStatus, RecipientStatus

BOB = "bob@firma.example"
LETTER = Letter("one", CATCH_ALL, "a mail", b"Subject: x\r\n\r\nText\r\n", (BOB,))
ARRIVAL = Arrival(BOB, "m1", LETTER.raw)


def message(name: str, **recipients: RecipientStatus) -> Message:
    return Message(
        id=name,
        tenant="demo",
        account="demo/catch-all",
        key=LedgerKey("INBOX", 0, name),
        status=MessageStatus.SETTLED,
        fetch_no=1,
        listed_size=1,
        octets=1,
        fetcher="f",
        first_fetched_at=0.0,
        lease_until=1.0,
        recipients={
            f"{local}@firma.example": Recipient(f"{local}@firma.example", "", "", "", status, "company")
            for local, status in recipients.items()
        },
    )


WELL = Findings(
    messages={(CATCH_ALL, "one"): message("m1", bob=RecipientStatus.DELIVERED)},
    arrivals=[ARRIVAL],
    left={CATCH_ALL: []},
)


def test_a_mail_where_it_belongs_is_no_complaint() -> None:
    assert complaints([LETTER], WELL) == []


def test_a_mail_that_did_not_arrive_is_one() -> None:
    assert complaints([LETTER], replace(WELL, arrivals=[])) == [f"{CATCH_ALL}/one: nothing arrived for {BOB}"]


def test_a_mail_that_arrived_twice_is_one() -> None:
    assert complaints([LETTER], replace(WELL, arrivals=[ARRIVAL, ARRIVAL])) == [
        f"{CATCH_ALL}/one: arrived 2 times for {BOB}"
    ]


def test_a_mail_for_somebody_else_is_one() -> None:
    stray = replace(ARRIVAL, recipient="eve@firma.example")
    assert complaints([LETTER], replace(WELL, arrivals=[ARRIVAL, stray])) == [
        f"{CATCH_ALL}/one: arrived for eve@firma.example, who was not to get it"
    ]


def test_a_changed_byte_is_one() -> None:
    damaged = replace(ARRIVAL, content=LETTER.raw.replace(b"Text", b"Test"))
    assert complaints([LETTER], replace(WELL, arrivals=[damaged])) == [
        f"one: what arrived for {BOB} is not what was sent"
    ]


def test_a_mail_still_at_the_source_is_one_unless_a_copy_is_to_stay() -> None:
    assert complaints([LETTER], replace(WELL, left={CATCH_ALL: ["one"]})) == ["one: is still at the source"]
    kept = replace(LETTER, mailbox=ANNA)
    findings = Findings({(ANNA, "one"): message("m1", bob=RecipientStatus.DELIVERED)}, [ARRIVAL], {ANNA: []})
    assert complaints([kept], findings) == ["one: is no longer at the source"]
    assert complaints([kept], replace(findings, left={ANNA: ["one"]})) == []


def test_a_mail_that_was_not_fetched_or_is_not_parked_as_it_has_to_be_is_one() -> None:
    assert "one: was not fetched" in complaints([LETTER], replace(WELL, messages={}, arrivals=[]))
    refused = replace(LETTER, delivered=(), parked=(BOB,))
    assert complaints([refused], replace(WELL, arrivals=[])) == [f"one: parked for [] instead of ['{BOB}']"]


def test_of_copies_of_one_mail_each_recipient_gets_any_one() -> None:
    copies = [replace(LETTER, uid=uid, original="same") for uid in ("one", "two")]
    findings = replace(
        WELL,
        messages={
            (CATCH_ALL, "one"): message("m1", bob=RecipientStatus.SUPPRESSED),
            (CATCH_ALL, "two"): message("m2", bob=RecipientStatus.DELIVERED),
        },
    )
    assert complaints(copies, replace(findings, arrivals=[replace(ARRIVAL, message="m2")])) == []
    both = [ARRIVAL, replace(ARRIVAL, message="m2")]
    assert complaints(copies, replace(findings, arrivals=both)) == [f"same: arrived 2 times for {BOB}"]


def test_our_own_lines_on_top_are_taken_off_before_comparing() -> None:
    ours = b"X-Mailferry-ID: m1\r\nReceived: from a by b\r\n\tfor <x>;\r\n\tdate\r\n"
    assert arrivals([AcceptedMail("", (BOB,), ours + LETTER.raw)]) == [ARRIVAL]


def test_every_letter_has_a_place_and_a_fate_of_its_own() -> None:
    letters = mailbag()
    assert len({(letter.mailbox, letter.uid) for letter in letters}) == len(letters) == 39
    assert all(letter.delivered or letter.parked for letter in letters)


def test_only_line_ends_and_the_fields_of_the_delivery_change() -> None:
    raw = b"Return-Path: <a@b>\nDelivered-To: c@d\nX: 1\n\n\0\xff.\r\n.."
    assert at_the_target(raw, "c@d") == b"X: 1\r\n\r\n\0\xff.\r\n..\r\n"
    assert at_the_target(raw, "e@f").startswith(b"Delivered-To: c@d\r\nX: 1\r\n")
    assert at_the_target(b"", "c@d") == b""
