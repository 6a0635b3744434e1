from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.smtp.extensions import Extensions
from shared.smtp.reply import Reply


def announced(*lines: bytes) -> Extensions:
    return Extensions.announced(Reply(250, (b"mx.example at your service", *lines)))


def test_keywords_are_known_in_any_case() -> None:
    offer = announced(b"pipelining", b"8bitmime", b"StartTLS", b"size 1000")
    assert offer.pipelining
    assert offer.eight_bit_mime
    assert offer.starttls
    assert offer.size_limit == 1000


def test_nothing_is_offered_by_a_server_that_announces_nothing() -> None:
    assert announced() == Extensions()


def test_the_name_of_the_server_is_no_extension() -> None:
    assert not Extensions.announced(Reply(250, (b"PIPELINING",))).pipelining


@pytest.mark.parametrize("line", [b"SIZE", b"SIZE 0", b"SIZE unlimited", b"SIZE -5", b"SIZE " + b"9" * 21])
def test_a_size_without_a_usable_number_is_no_limit(line: bytes) -> None:
    offer = announced(line)
    assert offer.size
    assert offer.size_limit is None


@pytest.mark.parametrize("line", [b"AUTH PLAIN login", b"AUTH=PLAIN login"])
def test_both_ways_to_announce_auth_are_understood(line: bytes) -> None:
    assert announced(line).auth == ("PLAIN", "LOGIN")


def test_auth_announced_twice_adds_up() -> None:
    assert announced(b"AUTH PLAIN", b"AUTH=LOGIN").auth == ("PLAIN", "LOGIN")


def test_unknown_keywords_are_kept_with_their_parameters() -> None:
    assert announced(b"X-THING a B").keywords["X-THING"] == ("a", "B")


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_no_announcement_is_too_strange(lines: list[bytes]) -> None:
    assert "" not in announced(*lines).keywords
