"""NTLM against the published values of [MS-NLMP], section 4.2.4 (version 2 of the response)."""

from __future__ import annotations

import hmac
import os
from pathlib import Path

import pytest
import spnego

from shared.net.sasl import SaslError, mechanism

SERVER_CHALLENGE = bytes.fromhex("0123456789abcdef")
CLIENT_CHALLENGE = b"\xaa" * 8
NTOWF_V2 = bytes.fromhex("0c868a403bfd7a93a3001ef22ef02e3f")
LM_V2_RESPONSE = bytes.fromhex("86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa")
CHALLENGE = bytes.fromhex(
    "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef00000000000000002400240044000000"
    "06007017000000"
    "0f53006500720076006500720002000c0044006f006d00610069006e0001000c005300650072007600650072"
    "0000000000"
)


def field(message: bytes, at: int) -> bytes:
    """A field of an AUTHENTICATE message, by the position of its length ([MS-NLMP], section 2.2.1.3)."""
    length = int.from_bytes(message[at : at + 2], "little")
    offset = int.from_bytes(message[at + 4 : at + 8], "little")
    return message[offset : offset + length]


@pytest.mark.parametrize("greeting", [b"", b"NTLM supported"])
def test_the_published_example(monkeypatch: pytest.MonkeyPatch, greeting: bytes) -> None:
    monkeypatch.setattr(os, "urandom", lambda length: b"\xaa" * length)
    ntlm = mechanism("NTLM", "Domain\\User", "Password")
    assert ntlm.initial() is None
    assert ntlm.respond(greeting).startswith(b"NTLMSSP\0\x01\0\0\0")
    authenticate = ntlm.respond(CHALLENGE)
    assert authenticate.startswith(b"NTLMSSP\0\x03\0\0\0")
    assert field(authenticate, 28).decode("utf-16-le") == "Domain"
    assert field(authenticate, 36).decode("utf-16-le") == "User"
    assert field(authenticate, 12) == LM_V2_RESPONSE
    proof, blob = field(authenticate, 20)[:16], field(authenticate, 20)[16:]
    assert blob[16:24] == CLIENT_CHALLENGE
    assert proof == hmac.digest(NTOWF_V2, SERVER_CHALLENGE + blob, "md5")
    with pytest.raises(SaslError):
        ntlm.respond(CHALLENGE)


@pytest.mark.parametrize("challenge", [b"", b"NTLMSSP\0", CHALLENGE[:30], b"NTLMSSP\0\x02" + b"\xff" * 60])
def test_what_is_no_challenge_is_refused(challenge: bytes) -> None:
    ntlm = mechanism("NTLM", "bob", "hunter2")
    ntlm.respond(b"")
    with pytest.raises(SaslError):
        ntlm.respond(challenge)


def test_an_acceptor_agrees_with_the_right_password_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = tmp_path / "users"
    known.write_text("DOMAIN:bob:größe\n", encoding="utf-8")
    monkeypatch.setenv("NTLM_USER_FILE", str(known))
    for password in ("größe", "wrong"):
        acceptor = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        ntlm = mechanism("NTLM", "DOMAIN\\bob", password)
        challenge = acceptor.step(ntlm.respond(b""))
        assert challenge is not None
        authenticate = ntlm.respond(challenge)
        if password == "größe":
            acceptor.step(authenticate)
            assert acceptor.complete
        else:
            with pytest.raises(spnego.exceptions.SpnegoError):
                acceptor.step(authenticate)
