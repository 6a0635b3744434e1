from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.net.sasl import MECHANISMS, SaslError, mechanism

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(TEXT, TEXT)
def test_plain_carries_any_name_and_password_in_utf8(username: str, password: str) -> None:
    initial = mechanism("plain", username, password).initial()
    assert initial == b"\0" + username.encode() + b"\0" + password.encode()


def test_plain_answers_the_empty_challenge_with_its_message() -> None:
    plain = mechanism("PLAIN", "bob", "secret")
    assert plain.respond(b"") == b"\0bob\0secret"
    with pytest.raises(SaslError):
        plain.respond(b"nonce")


def test_login_gives_the_name_then_the_password_whatever_the_prompts_say() -> None:
    login = mechanism("LOGIN", "bob", "secret")
    assert login.initial() is None
    assert (login.respond(b"Benutzer:"), login.respond(b"")) == (b"bob", b"secret")
    with pytest.raises(SaslError):
        login.respond(b"Password:")


@pytest.mark.parametrize("name", sorted(MECHANISMS))
@pytest.mark.parametrize(
    ("username", "password"), [("bob\0", "x"), ("bob", "x\0hunter2"), ("bob", "\ud800hunter2")]
)
def test_what_a_mechanism_cannot_carry_is_refused_without_showing_it(
    name: str, username: str, password: str
) -> None:
    with pytest.raises(SaslError) as caught:
        mechanism(name, username, password)
    assert not caught.value.temporary
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value.__context__ if not caught.value.__suppress_context__ else None)


def test_a_mechanism_is_known_by_its_registered_name() -> None:
    assert [mechanism(name.lower(), "a", "b").name for name in MECHANISMS] == list(MECHANISMS)


def test_an_unknown_mechanism_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SaslError, match="LOGIN, PLAIN"):
        mechanism("NTLM", "bob", "secret")
