from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.net.sasl import SaslError, mechanism

CHALLENGE = b"<1896.697170952@postoffice.reston.mci.net>"
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(TEXT, TEXT)
def test_plain_carries_any_name_and_password_in_utf8(username: str, password: str) -> None:
    initial = mechanism("plain", username, password).initial()
    assert initial == b"\0" + username.encode() + b"\0" + password.encode()


def test_plain_answers_the_empty_challenge_with_its_message() -> None:
    plain = mechanism("PLAIN", "bob", "secret")
    assert plain.respond(b"") == b"\0bob\0secret"
    with pytest.raises(SaslError) as caught:
        plain.respond(b"\0bob\0secret")
    assert "secret" not in str(caught.value)


def test_login_gives_the_name_then_the_password_whatever_the_prompts_say() -> None:
    login = mechanism("LOGIN", "bob", "secret")
    assert login.initial() is None
    assert (login.respond(b"Benutzer:"), login.respond(b"")) == (b"bob", b"secret")
    with pytest.raises(SaslError):
        login.respond(b"Password:")


def test_the_example_of_rfc_2195() -> None:
    cram = mechanism("CRAM-MD5", "tim", "tanstaaftanstaaf")
    assert cram.initial() is None
    assert cram.respond(CHALLENGE) == b"tim b913a602c7eda7a495b4e6e7334d3890"


def test_names_and_passwords_go_into_it_in_utf8() -> None:
    answer = mechanism("CRAM-MD5", "jürgen", "größe").respond(CHALLENGE)
    assert answer == "jürgen 03e97d6d56d2a90a4b6de2c1a5c06ee5".encode()


def test_a_challenge_that_says_nothing_or_comes_twice_is_refused() -> None:
    with pytest.raises(SaslError):
        mechanism("CRAM-MD5", "tim", "x").respond(b"")
    cram = mechanism("CRAM-MD5", "tim", "x")
    cram.respond(CHALLENGE)
    with pytest.raises(SaslError):
        cram.respond(CHALLENGE)
