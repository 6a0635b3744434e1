from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.net.sasl import MECHANISMS, Mechanism, Peer, SaslError, UnfitCredentials, mechanism

PEER = Peer("pop.example", 995, end_point=b"\x01" * 32)
TOKENS = {"OAUTHBEARER", "XOAUTH2"}


@pytest.mark.parametrize("name", sorted(MECHANISMS))
@pytest.mark.parametrize(
    ("username", "password"), [("bob\0", "x"), ("bob", "x\0hunter2"), ("bob", "\ud800hunter2")]
)
def test_what_a_mechanism_cannot_carry_is_refused_without_showing_it(
    name: str, username: str, password: str
) -> None:
    with pytest.raises(UnfitCredentials) as caught:
        mechanism(name, username, password, PEER)
    assert not caught.value.temporary
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value.__context__ if not caught.value.__suppress_context__ else None)


@pytest.mark.parametrize("name", sorted(MECHANISMS))
def test_a_mechanism_is_known_by_its_registered_name_in_any_case(name: str) -> None:
    assert mechanism(name.lower(), "a", "b", PEER).name == name


def test_an_unknown_mechanism_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SaslError, match="LOGIN, NTLM, OAUTHBEARER, PLAIN"):
        mechanism("GSSAPI", "bob", "secret")


def outcome(exchange: Mechanism, challenges: list[bytes]) -> str:
    exchange.initial()
    try:
        for challenge in challenges:
            exchange.respond(challenge)
        exchange.finish()
    except SaslError as error:
        return str(error)
    return "agreed"


@pytest.mark.parametrize("name", sorted(MECHANISMS))
@given(challenges=st.lists(st.binary(max_size=200), max_size=4))
def test_hostile_challenges_end_in_a_sasl_error_or_an_answer(name: str, challenges: list[bytes]) -> None:
    assert "hunter2" not in outcome(mechanism(name, "bob", "hunter2", PEER), challenges)


@pytest.mark.parametrize("name", sorted(MECHANISMS.keys() - {"PLAIN", "LOGIN"} - TOKENS))
def test_the_password_itself_is_sent_by_no_method_that_promises_not_to(name: str) -> None:
    exchange = mechanism(name, "bob", "hunter2", PEER)
    said = exchange.initial() or exchange.respond(b"<1.2@host>")
    assert b"hunter2" not in said
    assert "hunter2".encode("utf-16-le") not in said


@pytest.mark.parametrize("name", sorted(MECHANISMS))
def test_a_mechanism_shows_no_secret(name: str) -> None:
    assert "hunter2" not in repr(mechanism(name, "bob", "hunter2", PEER))
