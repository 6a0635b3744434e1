from __future__ import annotations

import pytest
from pydantic import SecretStr

from services.router.decide.sender import choose_sender
from services.router.header.fields import read_header
from services.router.header.zone import TrustedZone
from shared.model.address import Address
from shared.model.sender import SenderKind, SenderRule
from shared.model.srs import Srs
from tests.fakes.mails import mail

NOW = 1577836860.0
OUTSIDE = "Received: from out.sender.example by mx.isp.example"
SRS = SenderRule(SenderKind.SRS, srs=Srs("example.com", (SecretStr("tops3cr3t"),)))
FIXED = SenderRule(SenderKind.ADDRESS, address=Address("relay", "corp.example"))


def sender(*lines: str, rule: SenderRule | None = None) -> str:
    return choose_sender(TrustedZone(read_header(mail(*lines))), rule or SenderRule(), NOW).address


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
        (f"<{'b' * 150}@list.example>", f"{'b' * 150}@list.example"),
        (f"<{'b' * 201}@list.example>", ""),
    ],
)
def test_the_reverse_path_is_the_address_in_return_path_or_null(field: str, expected: str) -> None:
    assert sender(f"Return-Path: {field}") == expected


def test_the_topmost_return_path_counts_even_if_it_is_null() -> None:
    assert sender("Return-Path: <>", "Return-Path: <anna@sender.example>") == ""


def test_a_return_path_that_the_sender_wrote_does_not_count() -> None:
    assert sender("Return-Path: <anna@sender.example>", OUTSIDE) == "anna@sender.example"
    assert sender(OUTSIDE, "Return-Path: <anna@sender.example>") == ""


@pytest.mark.parametrize("rule", [SenderRule(), SenderRule(SenderKind.NULL), SRS])
def test_a_sender_is_never_made_up_from_other_fields(rule: SenderRule) -> None:
    lines = ("From: anna@sender.example", "Sender: anna@sender.example", "Reply-To: anna@sender.example")
    assert sender(*lines, rule=rule) == ""


@pytest.mark.parametrize("rule", [SenderRule(), SenderRule(SenderKind.NULL), FIXED, SRS])
def test_the_null_sender_stays_null_whatever_is_configured(rule: SenderRule) -> None:
    assert sender("Return-Path: <>", rule=rule) == ""


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (SenderRule(SenderKind.NULL), ""),
        (FIXED, "relay@corp.example"),
        (SRS, "SRS0=vmyz=2W=otherdomain.com=test@example.com"),
    ],
)
def test_the_account_may_have_another_sender(rule: SenderRule, expected: str) -> None:
    assert sender("Return-Path: <test@otherdomain.com>", rule=rule) == expected


def test_a_configured_sender_is_used_where_the_header_has_none() -> None:
    assert sender("From: anna@sender.example", rule=FIXED) == "relay@corp.example"


def test_a_sender_that_srs_cannot_rewrite_becomes_null_with_the_reason() -> None:
    header = read_header(mail('Return-Path: <"a b"@sender.example>'))
    assert choose_sender(TrustedZone(header), SRS, NOW) == (
        "",
        '"a b"@sender.example cannot be rewritten by SRS: its local part is a quoted string',
    )
