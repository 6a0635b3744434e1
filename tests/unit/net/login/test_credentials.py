from __future__ import annotations

import base64

import pytest

from shared.net.login.credentials import Credentials, masker

CREDENTIALS = Credentials("bob", "Hünter 2+")
SECRET = CREDENTIALS.password.encode()


@pytest.mark.parametrize(
    "form", [SECRET, SECRET.upper(), base64.b64encode(SECRET), base64.b64encode(b"\0bob\0" + SECRET)]
)
def test_every_form_in_which_the_password_went_out_is_masked(form: bytes) -> None:
    assert masker(CREDENTIALS)(b"what is <" + form + b">?") == b"what is <****>?"


def test_credentials_do_not_show_their_password() -> None:
    assert repr(CREDENTIALS) == "Credentials(username='bob')"


def test_an_empty_password_masks_nothing() -> None:
    assert masker(Credentials("", ""))(b"+OK AA== hello") == b"+OK AA== hello"


def test_what_was_sent_is_masked_as_it_is_and_in_base64() -> None:
    redact = masker(Credentials("bob", "", "t0ken"))
    redact.hide(b"bob 0123456789abcdef")
    for form in (b"t0ken", b"bob 0123456789abcdef", base64.b64encode(b"bob 0123456789abcdef")):
        assert redact(b"what is " + form) == b"what is ****"


def test_a_short_answer_masks_nothing() -> None:
    redact = masker(Credentials("", ""))
    for answer in (b"", b"\x01", b"bob"):
        redact.hide(answer)
    assert redact(b"+OK AQ== bob") == b"+OK AQ== bob"


def test_credentials_do_not_show_their_token() -> None:
    assert "t0ken" not in repr(Credentials("bob", "", "t0ken"))
