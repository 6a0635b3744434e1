from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.recipient_field import RecipientField, UnusableField, parse_recipient_field


@pytest.mark.parametrize(
    ("written", "name", "position", "clause", "pattern"),
    [
        ("X-Original-To", "X-Original-To", 0, False, None),
        ("Delivered-To:2", "Delivered-To", 2, False, None),
        ("Delivered-To: 2", "Delivered-To", 2, False, None),
        ("X-Recipient: acct-* <*>", "X-Recipient", 0, False, "acct-* <*>"),
        ("X-Recipient:acct-* <*>", "X-Recipient", 0, False, "acct-* <*>"),
        ("Delivered-To:2: mbox-*", "Delivered-To", 2, False, "mbox-*"),
        ("X-Number: 2*", "X-Number", 0, False, "2*"),
        ("Received:for", "Received", 0, True, None),
        ("RECEIVED: For", "RECEIVED", 0, True, None),
        ("Received:1:for", "Received", 1, True, None),
        ("Received: * for <*>;*", "Received", 0, False, "* for <*>;*"),
        ("X-For:for*", "X-For", 0, False, "for*"),
    ],
)
def test_a_field_has_a_name_and_perhaps_a_position_and_a_pattern(
    written: str, name: str, position: int, clause: bool, pattern: str | None
) -> None:
    field = parse_recipient_field(written)
    assert (field.name, field.key, field.position, field.clause) == (name, name.lower(), position, clause)
    assert (field.capture.written if field.capture else None) == pattern
    assert str(field) == written


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "begins with no name"),
        ("X Y", "begins with no name"),
        (": *", "begins with no name"),
        ("X-A:", "nothing follows the last colon"),
        ("X-A:2:", "nothing follows the last colon"),
        ("X-A:0", "positions count from 1"),
        ("X-A:1001", "positions count from 1"),
        ("X-A:" + "9" * 5_000, "positions count from 1"),
        ("Received", 'write "Received:for"'),
        ("Received:2", 'write "Received:for"'),
        ("X-A:for", "exactly one"),
        ("X-A:2: b <*", "the < at character 10 is never closed"),
    ],
)
def test_what_is_not_understood_is_refused_with_the_reason(written: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_recipient_field(written)


@given(st.text(max_size=20) | st.text(alphabet="X:2 *<>\\for", max_size=20))
def test_any_text_is_a_field_or_is_refused(written: str) -> None:
    try:
        field = parse_recipient_field(written)
    except ValueError:
        return
    assert isinstance(field, RecipientField)
    assert str(field) == written


def test_a_refusal_is_an_error_of_its_own() -> None:
    with pytest.raises(UnusableField):
        parse_recipient_field(" X")
