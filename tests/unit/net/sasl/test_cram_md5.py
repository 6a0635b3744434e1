from __future__ import annotations

import pytest

from shared.net.sasl import SaslError, mechanism

CHALLENGE = b"<1896.697170952@postoffice.reston.mci.net>"


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
