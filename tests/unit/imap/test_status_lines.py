from __future__ import annotations

import pytest

from shared.imap.status_lines import Condition, parse_challenge, parse_status_line


@pytest.mark.parametrize(
    ("line", "code", "argument", "text"),
    [
        (b"* OK", "", b"", b""),
        (b"* OK ", "", b"", b""),
        (b"* ok  [alert]", "ALERT", b"", b""),
        (b"* OK [UIDNEXT 5]next", "UIDNEXT", b"5", b"next"),
        (b"* OK [X-a.b/c (1 2) x] text [more]", "X-A.B/C", b"(1 2) x", b"text [more]"),
        (b"* OK [no end", "", b"", b"[no end"),
        (b"* OK [] text", "", b"", b"[] text"),
        (b"* OK text [UIDNEXT 5]", "", b"", b"text [UIDNEXT 5]"),
        (b"* OK text {5}", "", b"", b"text {5}"),
    ],
)
def test_codes_and_text(line: bytes, code: str, argument: bytes, text: bytes) -> None:
    status = parse_status_line(line)
    assert status is not None
    assert status.condition is Condition.OK
    assert (status.tag, status.code, status.argument, status.text) == (b"*", code, argument, text)


@pytest.mark.parametrize(
    "line", [b"", b"*", b"* OKAY", b"* 1 OK", b"a", b"OK", b" * OK", b"a b OK", b"\xff OK"]
)
def test_what_has_no_status(line: bytes) -> None:
    assert parse_status_line(line) is None


@pytest.mark.parametrize(
    ("line", "challenge"),
    [
        (b"+", b""),
        (b"+ ", b""),
        (b"+ aGk=", b"hi"),
        (b"+aGk=", b"hi"),
        (b"+ go ahead", b""),
        (b"+ \xff", b""),
    ],
)
def test_challenges(line: bytes, challenge: bytes) -> None:
    assert parse_challenge(line) == challenge
