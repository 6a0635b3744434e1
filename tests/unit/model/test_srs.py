"""The addresses signed with the key `tops3cr3t` are those that other implementations publish as examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.model.address import Address, parse_address
from shared.model.srs import DAY, NotRewritable, Srs

NOW = 1577836860.0  # 2020-01-01, one minute past midnight
SRS = Srs("example.com", (SecretStr("tops3cr3t"),))
LOCALS = st.from_regex(r"[a-z0-9]([a-z0-9=+.-]{0,10}[a-z0-9])?", fullmatch=True).filter(
    lambda text: ".." not in text
)
DOMAINS = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?\.[a-z]{2,5}", fullmatch=True)


def address(text: str) -> Address:
    local, _, domain = text.rpartition("@")
    return Address(local, domain)


@pytest.mark.parametrize(
    ("sender", "rewritten"),
    [
        ("test@otherdomain.com", "SRS0=vmyz=2W=otherdomain.com=test@example.com"),
        ("testing@otherdomain.com", "SRS0=rNNq=2W=otherdomain.com=testing@example.com"),
        ("SRS0=opaque+string@otherdomain.com", "SRS1=chaI=otherdomain.com==opaque+string@example.com"),
        (
            "SRS1=X=thirddomain.com==opaque+string@otherdomain.com",
            "SRS1=JIBX=thirddomain.com==opaque+string@example.com",
        ),
    ],
)
def test_senders_are_rewritten_as_the_published_examples_say(sender: str, rewritten: str) -> None:
    assert str(SRS.forward(address(sender), NOW)) == rewritten


@pytest.mark.parametrize(
    ("rewritten", "sender"),
    [
        ("SRS0=XjO9=2V=otherdomain.com=test@example.com", "test@otherdomain.com"),
        ("SRS1=JIBX=thirddomain.com==opaque+string@example.com", "SRS0=opaque+string@thirddomain.com"),
        ("srs0=xjo9=2v=otherdomain.com=test@example.com", "test@otherdomain.com"),
        ("SRS0=XJO9=2V=OTHERDOMAIN.COM=TEST@example.com", "TEST@otherdomain.com"),
        ("SRS0+XjO9=2V=otherdomain.com=test@example.com", "test@otherdomain.com"),
    ],
)
def test_rewritten_senders_are_reversed_as_the_published_examples_say(rewritten: str, sender: str) -> None:
    assert str(SRS.reverse(address(rewritten), NOW)) == sender


@pytest.mark.parametrize(
    ("rewritten", "reason"),
    [
        ("test@example.com", "neither with SRS0 nor with SRS1"),
        ("SRS0=XjO9=2V=otherdomain.com=test@elsewhere.example", "its domain is not example.com"),
        ("SRS0=te87=T7=otherdomain.com=test@example.com", "older than 21 days"),
        ("SRS0=VcIb=7N=otherdomain.com=test@example.com", "not of our time"),
        ("SRS0=FAKE=2V=otherdomain.com=test@example.com", "not of our making"),
        ("SRS0=XjO9=2V=otherdomain.com=eve@example.com", "not of our making"),
        ("SRS0=XjO9=00=otherdomain.com=test@example.com", "not of our making"),
        ("SRS0=XjO9=\u00e4\u00f6=otherdomain.com=test@example.com", "not of our making"),
        ("SRS0=@example.com", "lacks"),
        ("SRS0=XjO9@example.com", "lacks"),
        ("SRS0=XjO9=2V@example.com", "lacks"),
        ("SRS0=XjO9=2V=otherdomain.com@example.com", "lacks"),
        ("SRS1-@example.com", "lacks"),
        ("SRS1=XXXX=thirddomain.com==opaque+string@example.com", "not of our making"),
        ("SRS1=JIBX=thirddomain.com=opaque@example.com", "lacks"),
    ],
)
def test_what_was_not_rewritten_here_and_lately_is_not_reversed(rewritten: str, reason: str) -> None:
    with pytest.raises(NotRewritable, match=reason):
        SRS.reverse(address(rewritten), NOW)


def test_a_sender_of_the_domain_itself_stays_as_it_is() -> None:
    assert SRS.forward(address("test@example.com"), NOW) == address("test@example.com")


def test_after_a_key_was_replaced_what_the_old_one_signed_is_still_reversed() -> None:
    replaced = Srs("example.com", (SecretStr("a new one"), SecretStr("tops3cr3t")))
    rewritten = SRS.forward(address("test@otherdomain.com"), NOW)
    assert replaced.reverse(rewritten, NOW) == address("test@otherdomain.com")
    assert replaced.forward(address("test@otherdomain.com"), NOW) != rewritten


@pytest.mark.parametrize("days", [0, 21, 1024, 1045])
def test_a_rewritten_sender_lives_for_21_days_and_the_days_go_round(days: int) -> None:
    rewritten = SRS.forward(address("test@otherdomain.com"), NOW)
    assert SRS.reverse(rewritten, NOW + days * DAY)
    for wrong in (22, -1):
        with pytest.raises(NotRewritable):
            SRS.reverse(rewritten, NOW + wrong * DAY)


@pytest.mark.parametrize(
    ("sender", "reason"),
    [('"a b"@x.example', "quoted string"), (f"{'a' * 200}@{'b' * 40}.example", "too long")],
)
def test_what_cannot_be_rewritten_is_told(sender: str, reason: str) -> None:
    with pytest.raises(NotRewritable, match=reason):
        SRS.forward(address(sender), NOW)


@given(LOCALS, DOMAINS, st.integers(0, 2**33))
def test_every_sender_comes_back(local: str, domain: str, now: int) -> None:
    sender = parse_address(f"{local}@{domain}")
    rewritten = SRS.forward(sender, now)
    assert rewritten.domain == "example.com"
    assert SRS.reverse(rewritten, now) == sender
    again = Srs("forwarder.example", (SecretStr("another"),))
    twice = again.forward(rewritten, now)
    assert again.reverse(again.forward(twice, now), now) == again.reverse(twice, now)
    assert again.reverse(twice, now) == (rewritten if sender.domain != "example.com" else sender)


def test_a_key_is_never_shown() -> None:
    assert "tops3cr3t" not in repr(SRS)
