from __future__ import annotations

import pytest

from services.router.header import read_header
from services.router.sender import reverse_path
from tests.fakes.mails import mail


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("<anna@Sender.example>", "anna@sender.example"),
        ("anna@sender.example", "anna@sender.example"),
        ("<>", ""),
        (" <> (bounce)", ""),
        ("", ""),
        ("MAILER-DAEMON", ""),
        ("<anna@sender.example> <eve@sender.example>", ""),
        ("<anna@sender.example>, <eve@sender.example>", ""),
        ("<anna@sender.example\0>", ""),
        ("<b+id=x=firma.de@list.example>", "b+id=x=firma.de@list.example"),
    ],
)
def test_the_reverse_path_is_the_address_in_return_path_or_null(field: str, expected: str) -> None:
    assert reverse_path(read_header(mail(f"Return-Path: {field}"))) == expected


def test_the_topmost_return_path_counts_even_if_it_is_null() -> None:
    header = read_header(mail("Return-Path: <>", "Return-Path: <anna@sender.example>"))
    assert reverse_path(header) == ""


def test_a_sender_is_never_made_up_from_other_fields() -> None:
    lines = ("From: anna@sender.example", "Sender: anna@sender.example", "Reply-To: anna@sender.example")
    assert reverse_path(read_header(mail(*lines))) == ""
