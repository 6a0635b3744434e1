"""Notices have text from outside literally, and no such text prevents a notice."""

from __future__ import annotations

import email
from email.message import Message as Mail
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.relay.maintenance.notice_rules import sender_to_notify
from services.relay.maintenance.notice_texts import NoticeOrigin, delivery_status, digest
from shared.model.message import MessageStatus, RecipientStatus
from shared.ports.store import Parked
from tests.fakes.custody import BOB, message, recipient

ORIGIN = NoticeOrigin("ferry.corp.example", 1_700_000_000.0, "notice-1")
LONGEST_LINE = 998  # RFC 5322, section 2.1.1
AWKWARD = st.lists(
    st.sampled_from(["=?utf-8?q?", "=?utf-8?b?", "?=", "=0D=0A", "=FF", "a" * 70, "中" * 30, " ", "\n", '"'])
    | st.text(max_size=5)
).map("".join)


def parked(text: str, to: str = BOB) -> Parked:
    refused = recipient(
        status=RecipientStatus.PARKED, attempt=1, code="5.7.1", text=text, destination=to, original=to
    )
    return Parked(message(MessageStatus.SETTLED, refused), refused, 1000.0)


def failed(notice: bytes) -> Mail:
    """Return the fields about the one failed recipient."""
    report = email.message_from_bytes(notice)
    (status,) = [part for part in report.walk() if part.get_content_type() == "message/delivery-status"]
    blocks: Any = status.get_payload()
    (_, block) = blocks
    return cast(Mail, block)


@pytest.mark.parametrize(
    "sender",
    [
        "=?utf-8?q??=@evil.example",
        "=?utf-8?b?!?=@evil.example",
        "=?utf-8?q?a=0D=0ABcc=3A_b?=@evil.example",
        "=?utf-8?q?a=2Cb?=@evil.example",
        '"a b, c"@evil.example',
        f"{'a' * 64}@{'b' * 60}.example",
    ],
)
def test_a_sender_is_written_literally_even_if_it_looks_like_an_encoded_word(sender: str) -> None:
    header = f"Return-Path: <{sender}>\nSubject: x\n".encode()
    assert sender_to_notify(header) == sender
    notice = delivery_status(sender, [parked("550 5.7.1 no")], header, ORIGIN)
    assert b"\r\nTo: " + sender.encode() + b"\r\n" in notice


def test_a_postmaster_with_letters_beyond_ascii_gets_a_digest_in_ascii() -> None:
    assert digest("acme", "bjørn@corp.example", [parked("550 no")], ORIGIN).isascii()


@pytest.mark.parametrize(
    "word", ["=?utf-8?q?a=0D=0AAction:_delivered?=", "=?utf-8?q?a=FF?=", "=?utf-8?b?!?="]
)
def test_words_of_a_target_that_look_encoded_are_reported_as_they_are(word: str) -> None:
    words = f"550 5.7.1 {word} {'a long story ' * 9}told"
    told = failed(delivery_status("eve@x.example", [parked(words)], b"", ORIGIN))
    assert told["Diagnostic-Code"] == f"smtp; {words}"
    assert told.get_all("Action") == ["failed"]


@given(AWKWARD, AWKWARD)
@example("550 " + "\U0001f600" * 200, BOB)
def test_no_words_from_outside_keep_a_notice_from_being_made(text: str, address: str) -> None:
    those = [parked(text, address)]
    for notice in (
        digest("acme", BOB, those, ORIGIN),
        delivery_status(BOB, those, text.encode("utf-8", "replace"), ORIGIN),
    ):
        assert max(map(len, notice.split(b"\r\n"))) <= LONGEST_LINE
