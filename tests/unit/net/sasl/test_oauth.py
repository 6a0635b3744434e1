from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.net.sasl import Peer, SaslError, UnfitCredentials, mechanism
from shared.net.sasl.oauth import in_words

RFC_7628_MESSAGE = base64.b64decode(
    "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRx"
    "bVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
)
RFC_7628_COMPLAINT = base64.b64decode(
    "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZpZ3VyYXRpb24iOiJo"
    "dHRwczovL2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9uIn0="
)
XOAUTH2_MESSAGE = base64.b64decode(
    "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRH"
    "RXVZMjl0Q2cBAQ=="
)
TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
SERVER = Peer("server.example.com", 143)


def test_the_example_of_rfc_7628() -> None:
    bearer = mechanism("OAUTHBEARER", "user@example.com", TOKEN, SERVER)
    assert bearer.initial() == RFC_7628_MESSAGE


def test_the_refusal_of_rfc_7628_is_acknowledged_and_put_into_words() -> None:
    bearer = mechanism("OAUTHBEARER", "user@example.com", TOKEN, SERVER)
    bearer.initial()
    assert bearer.respond(RFC_7628_COMPLAINT) == b"\x01"
    assert bearer.complaint == "status invalid_token, scope example_scope"
    with pytest.raises(SaslError):
        bearer.respond(RFC_7628_COMPLAINT)


def test_the_published_example_of_xoauth2_is_the_first_message_and_the_answer_to_an_empty_challenge() -> None:
    token = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"
    xoauth2 = mechanism("XOAUTH2", "someuser@example.com", token)
    assert xoauth2.initial() == XOAUTH2_MESSAGE
    assert xoauth2.respond(b"") == XOAUTH2_MESSAGE


def test_a_refusal_of_xoauth2_is_acknowledged_with_an_empty_line() -> None:
    xoauth2 = mechanism("XOAUTH2", "bob", TOKEN)
    xoauth2.respond(b"")
    assert xoauth2.respond(b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}') == b""
    assert xoauth2.complaint == "status 400, scope https://mail.google.com/, schemes Bearer"


def test_a_complaint_before_anything_was_said_is_refused() -> None:
    with pytest.raises(SaslError):
        mechanism("XOAUTH2", "bob", TOKEN).respond(b"{}")


def test_a_name_is_escaped_for_oauthbearer() -> None:
    initial = mechanism("OAUTHBEARER", "a=b,c", TOKEN, SERVER).initial()
    assert initial is not None
    assert initial.startswith(b"n,a=a=3Db=2Cc,\x01host=")


@pytest.mark.parametrize("name", ["OAUTHBEARER", "XOAUTH2"])
@pytest.mark.parametrize(
    ("username", "token"), [("b\x01ob", TOKEN), ("bob", "canary\x01x"), ("bob", ""), ("bob", "canary x\r\n")]
)
def test_what_could_break_out_of_its_field_is_unfit(name: str, username: str, token: str) -> None:
    with pytest.raises(UnfitCredentials) as caught:
        mechanism(name, username, token, SERVER)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("challenge", "words"),
    [
        (b'{"error":"invalid_request","x":1}', "error invalid_request"),
        (b"{}", "no reason given"),
        (b'{"status":{"a":1}}', "no reason given"),
        (b"go away", "go away"),
        (b"[" * 100_000, "[" * 100_000),
        (b"[1]", "[1]"),
    ],
)
def test_complaints_in_words(challenge: bytes, words: str) -> None:
    assert in_words(challenge) == words


@given(st.binary())
def test_any_complaint_has_words(challenge: bytes) -> None:
    assert isinstance(in_words(challenge), str)
