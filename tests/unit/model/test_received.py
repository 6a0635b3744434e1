from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.received import received_at

NOON = 1793534400.0
NEWEST = b"Received: from a.example by b.example\r\n\tid 4711; Sun, 1 Nov 2026 13:00:00 +0100 (CET)\r\n"
OLDER = b"Received: from c.example by a.example; Sat, 31 Oct 2026 12:00:00 +0000\r\n"
SENT = b"Date: Fri, 30 Oct 2026 12:00:00 +0000\r\n"


def test_the_newest_received_line_tells() -> None:
    assert received_at(b"Return-Path: <a@b.example>\r\n" + NEWEST + OLDER + SENT + b"\r\nbody") == NOON


def test_line_ends_of_unix_and_case_make_no_difference() -> None:
    assert received_at(NEWEST.replace(b"\r\n", b"\n").replace(b"Received", b"RECEIVED")) == NOON


def test_without_a_received_line_the_date_tells() -> None:
    assert received_at(b"Subject: hello\r\n" + SENT + b"\r\n") == NOON - 2 * 86400


def test_a_newest_line_that_cannot_be_read_is_not_replaced_by_an_older_date() -> None:
    """Older lines and the Date tell when the mail was on its way. It may have come much later."""
    assert received_at(b"Received: by b.example; some time\r\n" + OLDER + SENT + b"\r\n") is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n" + NEWEST,
        b"Subject: Date: Fri, 30 Oct 2026 12:00:00 +0000\r\n\r\n",
        b"Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n\r\n",
        b"Date: Fri, 99 Foo 99999999999 12:00:00 +0000\r\n\r\n",
        b"Date: \xff\xfe\r\n\r\n",
        b"Received: by b.example\r\n\r\n",
    ],
)
def test_a_mail_without_a_date_that_can_be_read_has_none(raw: bytes) -> None:
    assert received_at(raw) is None


@given(st.binary(max_size=300))
def test_nothing_that_a_server_sends_raises(date: bytes) -> None:
    received_at(b"Received: by b.example; " + date + b"\r\n\r\n")
    received_at(b"Date: " + date)
