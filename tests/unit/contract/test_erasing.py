"""Which texts have an address, and which only look so."""

from __future__ import annotations

import pytest

from shared.contract.erasing import pattern_of

PATTERN = pattern_of("ann@x.example")


@pytest.mark.parametrize(
    "text",
    [
        "ann@x.example",
        "To: <Ann@X.EXAMPLE>, bob@x.example",
        "550 5.1.1 ann@x.example: unknown.",
        "SRS0=abcd=TT=x.example=ann@forward.example",
        "ann@x.example.",
    ],
)
def test_an_address_is_found_in_texts(text: str) -> None:
    assert PATTERN.search(text)
    assert "ann" not in PATTERN.sub("-", text).lower()


@pytest.mark.parametrize(
    "text",
    ["joann@x.example", "jo.ann@x.example", "ann@x.example.org", "ann@x.example-b.org", "ann@y.example"],
)
def test_a_longer_address_is_another_one(text: str) -> None:
    assert not PATTERN.search(text)
