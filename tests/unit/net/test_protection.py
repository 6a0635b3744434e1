"""The memory of servers whose certificate is not trusted."""

from __future__ import annotations

from dataclasses import replace

from shared.model.endpoint import Endpoint, Tls
from shared.net.protection import (
    MOST_REMEMBERED,
    REMEMBERED,
    UntrustedServers,
    in_clear,
    is_only_shortfall,
    unverified,
)

SERVER = Endpoint("mx.example", 25, Tls.WANTED)


def test_an_untrusted_server_is_remembered_for_a_while() -> None:
    now = 100.0
    servers = UntrustedServers(lambda: now)
    assert servers.reason(SERVER) is None
    servers.note(SERVER, "self-signed")
    now += REMEMBERED - 1
    assert servers.reason(SERVER) == "self-signed"
    now += 1
    assert servers.reason(SERVER) is None


def test_whoever_changes_the_configuration_is_asked_for_anew() -> None:
    servers = UntrustedServers(lambda: 0.0)
    servers.note(SERVER, "self-signed")
    assert servers.reason(replace(SERVER, ca_file="ca.pem")) is None


def test_the_memory_is_bounded() -> None:
    servers = UntrustedServers(lambda: 0.0)
    for port in range(MOST_REMEMBERED + 1):
        servers.note(replace(SERVER, port=port), "self-signed")
    assert sum(servers.reason(replace(SERVER, port=port)) is not None for port in range(MOST_REMEMBERED)) == 0
    assert servers.reason(replace(SERVER, port=MOST_REMEMBERED)) == "self-signed"


def test_the_sentences_say_what_is_missing() -> None:
    assert "self-signed" in unverified(SERVER, "self-signed").sentence
    assert "encrypted, but" in unverified(SERVER, "self-signed").sentence
    assert in_clear(SERVER, "It offers no TLS.").sentence == (
        "It offers no TLS. The session with mx.example:25 is not encrypted."
    )


def test_a_shortfall_alone_is_told_from_one_beside_another_problem() -> None:
    for each in (unverified(SERVER, "self-signed"), in_clear(SERVER, "It offers no TLS.")):
        assert is_only_shortfall(each.sentence, SERVER)
        assert not is_only_shortfall(f"{each.sentence}; the server has no UIDL", SERVER)
        assert not is_only_shortfall(f"The server has no UIDL; {each.sentence}", SERVER)
    assert not is_only_shortfall("The server has no UIDL.", SERVER)
