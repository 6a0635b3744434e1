from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scramp import ScramMechanism

from shared.net.sasl import Mechanism, Peer, SaslError, UnfitCredentials, mechanism
from shared.net.sasl.scram import MOST_ITERATIONS, Scram

RFC_5802 = (
    "SCRAM-SHA-1",
    "fyko+d2lbbFgONRv9qkxdawL",
    b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
)
RFC_7677 = (
    "SCRAM-SHA-256",
    "rOprNGfwEbeRWgbNEkqO",
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    ),
    b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
)
END_POINT = bytes(range(32))
BOUND = Peer("pop.example", 995, end_point=END_POINT)


def rfc_5802() -> Scram:
    scram = Scram("SCRAM-SHA-1", "user", "pencil", Peer(), nonce="fyko+d2lbbFgONRv9qkxdawL")
    scram.initial()
    return scram


@pytest.mark.parametrize(
    ("name", "nonce", "server_first", "client_final", "server_final"), [RFC_5802, RFC_7677]
)
def test_the_examples_of_the_standards(
    name: str, nonce: str, server_first: bytes, client_final: bytes, server_final: bytes
) -> None:
    scram = Scram(name, "user", "pencil", Peer(), nonce=nonce)
    assert scram.initial() == b"n,,n=user,r=" + nonce.encode()
    assert scram.respond(server_first) == client_final
    assert scram.respond(server_final) == b""
    scram.finish()


def test_the_first_message_also_answers_an_empty_challenge() -> None:
    scram = mechanism("SCRAM-SHA-1", "user", "pencil")
    assert scram.respond(b"").startswith(b"n,,n=user,r=")


def test_a_server_that_agrees_without_a_proof_of_its_own_is_refused() -> None:
    scram = rfc_5802()
    scram.respond(RFC_5802[2])
    with pytest.raises(SaslError, match="without proving"):
        scram.finish()


def test_a_server_with_a_wrong_proof_is_refused() -> None:
    scram = rfc_5802()
    scram.respond(RFC_5802[2])
    with pytest.raises(SaslError, match="signature"):
        scram.respond(b"v=" + base64.b64encode(bytes(20)))


@pytest.mark.parametrize(
    "server_first",
    [
        b"",
        b"r=other,s=QSXCR+Q6sek8bf92,i=4096",
        b"r=fyko+d2lbbFgONRv9qkxdawL,s=QSXCR+Q6sek8bf92,i=4096",
        b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=1",
        b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=%d" % (MOST_ITERATIONS + 1),
        b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=" + b"9" * 5000,
        b"\xff\xfe",
    ],
)
def test_a_server_whose_first_message_is_weak_costly_or_garbled_is_refused(server_first: bytes) -> None:
    with pytest.raises(SaslError):
        rfc_5802().respond(server_first)


def test_an_error_of_the_server_becomes_the_complaint_and_is_answered_with_nothing() -> None:
    scram = rfc_5802()
    scram.respond(RFC_5802[2])
    assert scram.respond(b"e=invalid-proof") == b""
    assert scram.complaint == "invalid-proof"
    with pytest.raises(SaslError):
        scram.finish()


def test_names_are_prepared_and_escaped() -> None:
    initial = mechanism("SCRAM-SHA-256", "\u2168=a,b\u00ad", "x").initial()
    assert initial is not None
    assert initial.startswith(b"n,,n=IX=3Da=2Cb,r=")


def test_a_password_that_saslprep_forbids_is_unfit() -> None:
    with pytest.raises(UnfitCredentials):
        mechanism("SCRAM-SHA-256", "bob", "hunter2\x07")


def test_plus_needs_a_channel_to_bind_to() -> None:
    with pytest.raises(UnfitCredentials, match="needs TLS"):
        mechanism("SCRAM-SHA-256-PLUS", "bob", "x", Peer())


@pytest.mark.parametrize(
    ("peer", "header"),
    [
        (Peer(), b"n,,"),
        (Peer(end_point=END_POINT), b"n,,"),
        (Peer(end_point=END_POINT, offers_binding=False), b"y,,"),
    ],
)
def test_a_server_that_seems_to_offer_no_binding_is_told_that_we_could_have_bound(
    peer: Peer, header: bytes
) -> None:
    initial = mechanism("SCRAM-SHA-256", "bob", "x", peer).initial()
    assert initial is not None
    assert initial.startswith(header)


def served(exchange: Mechanism, server_binding: bytes, password: str) -> None:
    """Both sides of one exchange, the server's by scramp."""
    reference = ScramMechanism(exchange.name)
    server = reference.make_server(
        lambda _: reference.make_auth_info(password), channel_binding=("tls-server-end-point", server_binding)
    )
    initial = exchange.initial()
    assert initial is not None
    server.set_client_first(initial.decode())
    server.set_client_final(exchange.respond(server.get_server_first().encode()).decode())
    exchange.respond(server.get_server_final().encode())
    exchange.finish()


@pytest.mark.parametrize("name", ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"])
def test_plus_agrees_with_a_server_on_the_same_channel(name: str) -> None:
    exchange = mechanism(name, "bob", "pencil", BOUND)
    served(exchange, END_POINT, "pencil")


def test_plus_does_not_agree_with_a_server_behind_somebody_in_the_middle() -> None:
    exchange = mechanism("SCRAM-SHA-256-PLUS", "bob", "pencil", BOUND)
    with pytest.raises(Exception, match="channel bindings don't match"):
        served(exchange, b"another certificate", "pencil")


def converse(scram: Scram, *messages: bytes) -> None:
    for message in messages:
        scram.respond(message)
    scram.finish()


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_garbage_in_place_of_the_servers_messages_is_never_agreed_to(first: bytes, final: bytes) -> None:
    with pytest.raises(SaslError):
        converse(rfc_5802(), first, final)
    with pytest.raises(SaslError):
        converse(rfc_5802(), RFC_5802[2], final)
