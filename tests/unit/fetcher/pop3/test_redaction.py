from __future__ import annotations

import base64

import pytest

from services.fetcher.pop3.redaction import Credentials, redactor

CREDENTIALS = Credentials("bob", "Hünter 2+")
SECRET = CREDENTIALS.password.encode()


@pytest.mark.parametrize(
    "form", [SECRET, SECRET.upper(), base64.b64encode(SECRET), base64.b64encode(b"\0bob\0" + SECRET)]
)
def test_every_form_in_which_the_password_went_out_is_masked(form: bytes) -> None:
    assert redactor(CREDENTIALS)(b"what is <" + form + b">?") == b"what is <****>?"


def test_credentials_do_not_show_their_password() -> None:
    assert repr(CREDENTIALS) == "Credentials(username='bob')"


def test_an_empty_password_masks_nothing() -> None:
    assert redactor(Credentials("", ""))(b"+OK AA== hello") == b"+OK AA== hello"
