from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.domains import translation

RULES = {
    "acme.com": "keep",
    "acme.net": "acme.local",
    "*.acme.com": "keep",
    "*.eu.acme.com": "acme.eu",
    "*.acme.net": "*.acme.local",
    "old.acme.com": "acme.local",
}


@pytest.mark.parametrize(
    ("domain", "becomes"),
    [
        ("acme.com", "acme.com"),
        ("acme.net", "acme.local"),
        ("sales.acme.com", "sales.acme.com"),
        ("a.b.acme.com", "a.b.acme.com"),
        ("old.acme.com", "acme.local"),
        ("very.old.acme.com", "very.old.acme.com"),
        ("x.eu.acme.com", "acme.eu"),
        ("eu.acme.com", "eu.acme.com"),
        ("a.b.acme.net", "a.b.acme.local"),
        ("com", None),
        ("xacme.com", None),
        ("acme.com.evil.example", None),
        ("*.acme.com", "*.acme.com"),
        ("", None),
    ],
)
def test_the_most_specific_rule_counts(domain: str, becomes: str | None) -> None:
    assert translation(RULES, domain) == becomes


def test_a_wildcard_does_not_stand_for_the_domain_itself() -> None:
    assert translation({"*.acme.com": "keep"}, "acme.com") is None


def test_a_domain_that_would_become_too_long_is_not_accepted() -> None:
    assert (
        translation(
            {"*.a.de": "*." + "b" * 63 + ".example"}, "c" * 63 + "." + "d" * 63 + "." + "e" * 63 + ".a.de"
        )
        is None
    )


@given(st.lists(st.sampled_from(["a", "b", "acme", "com", "net"]), max_size=5).map(".".join))
def test_what_is_accepted_is_named_by_a_rule_or_below_one(domain: str) -> None:
    if translation(RULES, domain) is not None:
        assert domain in RULES or domain.endswith((".acme.com", ".acme.net"))
