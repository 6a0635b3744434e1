from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.net.sasl import SaslError, mechanism

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
