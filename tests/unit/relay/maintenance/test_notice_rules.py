"""The senders that are notified that their mail failed: in doubt, none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.maintenance.notice_rules import sender_to_notify

PERSON = b"Return-Path: <eve@elsewhere.example>\nFrom: Eve <eve@other.example>\nSubject: Hello\n"


def test_a_person_is_notified_at_the_envelope_sender_and_not_at_the_from_address() -> None:
    assert sender_to_notify(PERSON) == "eve@elsewhere.example"


@pytest.mark.parametrize(
    "line",
    [
        b"Auto-Submitted: auto-replied",
        b"Auto-Submitted: auto-generated; owner=x",
        b"List-Id: <list.example>",
        b"LIST-UNSUBSCRIBE: <mailto:x@y>",
        b"Precedence: bulk",
        b"precedence: List",
        b"X-Mailferry-ID: 01h455vb4pex5vsknk084sn02q",
        b'Content-Type: multipart/report; report-type="delivery-status"; boundary=x',
    ],
)
def test_lists_and_programs_are_not_notified(line: bytes) -> None:
    assert sender_to_notify(PERSON + line + b"\n") is None


def test_a_mail_that_says_it_was_written_by_a_person_is_one() -> None:
    assert sender_to_notify(PERSON + b"Auto-Submitted: no\n") == "eve@elsewhere.example"


@pytest.mark.parametrize(
    "path",
    [
        b"<>",
        b"",
        b"eve@elsewhere.example",
        b"<eve>",
        b"<a@b@c",
        b"<MAILER-DAEMON@elsewhere.example>",
        b"<owner-list@elsewhere.example>",
        b"<no-reply@elsewhere.example>",
        b"<bounce+x@elsewhere.example>",
        "<ä@elsewhere.example>".encode(),
        b"<a\r\n b@elsewhere.example>",
    ],
)
def test_the_null_sender_roles_and_invalid_addresses_are_not_notified(path: bytes) -> None:
    assert sender_to_notify(b"Return-Path: " + path + b"\nSubject: x\n") is None


def test_without_a_return_path_no_sender_is_notified() -> None:
    assert sender_to_notify(b"From: eve@elsewhere.example\n\n") is None


def test_the_topmost_return_path_counts_which_the_provider_wrote() -> None:
    assert sender_to_notify(b"Return-Path: <>\n" + PERSON) is None


@given(st.binary(max_size=300))
def test_no_header_makes_it_stumble(header: bytes) -> None:
    told = sender_to_notify(header)
    assert told is None or (told.isascii() and told.isprintable() and "@" in told)
