"""Secrets are taken out of text, in whatever form a server repeats them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.model.masking import MASK, Masker
from tests.fakes.canaries import FORMS, RAW, USER, betrayed

PLAIN = b"\0" + USER.encode() + b"\0" + RAW


def masker() -> Masker:
    return Masker([RAW, PLAIN], username=USER.encode())


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_no_form_of_it_is_seen(form: bytes) -> None:
    shown = masker()(b"no: <" + form + b"> is wrong")
    assert betrayed(shown.decode("latin-1")) == []
    assert shown.startswith(b"no: <")
    assert shown.endswith(b"> is wrong")
    assert MASK in shown


@pytest.mark.parametrize("form", [FORMS[name] for name in ("clear", "base64", "PLAIN", "percent", "hex")])
def test_lines_that_hold_it_together_are_not_shown(form: bytes) -> None:
    for place in range(1, len(form)):
        for blank in (b"", b" "):
            lines = masker().lines([b"no: " + form[:place], blank + form[place:] + b" ?"])
            assert betrayed(b"".join(line.strip() for line in lines).decode("latin-1")) == []


def test_lines_that_hold_nothing_stay_as_they_are() -> None:
    lines = [b"5.7.8 Username and password", b"not accepted"]
    assert masker().lines(lines) == lines


@settings(deadline=None)
@given(st.text(alphabet=" abcdefghijklmnoqsuvxyz.,:;-()[]@0123456789", max_size=80))
@example("535 5.7.8 Authentication failed: relay-user is not known")
def test_text_without_it_comes_out_as_it_is(text: str) -> None:
    assert masker().text(text) == text


@settings(deadline=None)
@given(st.binary(min_size=6, max_size=40), st.binary(max_size=30), st.binary(max_size=30))
def test_it_is_found_in_base64_wherever_it_stands(secret: bytes, before: bytes, behind: bytes) -> None:
    encoded = base64.b64encode(before + secret + behind)
    shown = Masker([secret])(b"<" + encoded + b">")
    assert shown == b"<****>"


def test_what_was_sent_is_masked_and_the_user_name_is_not() -> None:
    mask = masker()
    mask.hide(USER.encode())
    mask.hide(b"digest 0123456789")
    assert mask(b"relay-user said digest 0123456789") == b"relay-user said ****"


def test_nothing_is_masked_where_nothing_is_secret() -> None:
    assert Masker([b""])(RAW) == RAW


def test_what_comes_in_again_is_looked_at_again_once_more_is_hidden() -> None:
    mask = Masker()
    assert mask(b"said: response") == b"said: response"
    mask.hide(b"response")
    assert mask(b"said: response") == b"said: ****"


def test_the_canary_betrays_itself_where_nothing_masks_it() -> None:
    for name in ("clear", "base64", "PLAIN", "XOAUTH2", "quoted string", "JSON", "HTML", "hex"):
        assert betrayed(FORMS[name].decode("latin-1"))
