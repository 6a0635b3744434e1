from __future__ import annotations

import pytest

from services.fetcher.pop3.capabilities import UNKNOWN, parse_capabilities
from services.fetcher.pop3.login import offered


@pytest.mark.parametrize(
    ("body", "methods"),
    [
        (b"USER\r\nSASL PLAIN LOGIN\r\n", ("plain", "user")),
        (b"SASL PLAIN\r\n", ("plain",)),
        (b"user\r\nSASL CRAM-MD5\r\n", ("user",)),
        (b"SASL CRAM-MD5\r\n", ()),
        (b"TOP\r\nUIDL\r\n", ("user",)),
        (b"", ("user",)),
    ],
)
def test_only_methods_that_are_announced_are_tried_in_the_configured_order(
    body: bytes, methods: tuple[str, ...]
) -> None:
    assert offered(["plain", "user"], parse_capabilities(body)) == methods


def test_without_capa_everything_that_is_switched_on_is_tried() -> None:
    assert offered(["plain", "user"], UNKNOWN) == ("plain", "user")


def test_capabilities_survive_repetition_case_blank_lines_and_bytes() -> None:
    found = parse_capabilities(b"sasl plain\r\n\r\nSASL LOGIN\r\n\xff\xfe\r\nUIDL\r\n")
    assert found.mechanisms == ("PLAIN", "LOGIN")
    assert "UIDL" in found
    assert "PIPELINING" not in found


def test_user_is_tried_unannounced_where_nothing_else_is_switched_on() -> None:
    assert offered(["user"], parse_capabilities(b"SASL CRAM-MD5\r\n")) == ("user",)
