from __future__ import annotations

import pytest

from services.relay.delivery.trace_header import trace_header
from services.router.decide.loops import RECEIVED_LIMIT, find_loop
from services.router.header.fields import read_header
from services.router.resolving.analysis import analyse_header
from tests.fakes.mails import account, mail, single_user

HOPS = [f"Received: from a{number}.example by b.example; Mon" for number in range(RECEIVED_LIMIT + 1)]


def carried_for(name: str) -> bytes:
    """A mail that the relay delivered and that came back."""
    return trace_header(
        message="0123", account=name, helo_name="ferry.corp.example", recipient="bob@firma.de", now=0.0
    ) + mail("To: bob@firma.de")


def loop(raw: bytes, name: str = "acme/all") -> str:
    return find_loop(read_header(raw), name) or ""


def test_fault_41_a_mail_with_51_received_lines_is_parked_with_the_reason() -> None:
    raw = mail("X-Original-To: bob@firma.de", *HOPS)
    for routing in (None, single_user("bob@firma.de")):
        resolution = analyse_header(raw, account(routing), 0.0).resolution
        assert resolution.recipients == ()
        assert resolution.park_reason == "mail loop: 51 Received lines, more than 50"


def test_fifty_received_lines_are_no_loop() -> None:
    assert loop(mail(*HOPS[1:])) == ""


def test_fault_41_a_mail_that_this_account_has_carried_is_parked_with_the_reason() -> None:
    resolution = analyse_header(carried_for("acme/all"), account(), 0.0).resolution
    assert resolution.recipients == ()
    assert (
        resolution.park_reason
        == "mail loop: this account has carried it before, as X-Mailferry-ID 0123 shows"
    )


@pytest.mark.parametrize("name", ["acme/all", "acme/b\u00fcro 1"])
def test_the_trace_that_the_relay_writes_is_recognised_whatever_the_account_is_called(name: str) -> None:
    assert loop(carried_for(name), name)


def test_a_mail_that_another_account_carried_may_be_forwarded_to_this_one() -> None:
    assert loop(carried_for("acme/other")) == ""


def test_a_trace_that_does_not_tell_the_account_counts_as_ours() -> None:
    assert (
        loop(mail("X-Mailferry-ID: 0123"))
        == "mail loop: Mailferry has carried it before, as X-Mailferry-ID 0123 shows"
    )


def test_what_is_not_in_the_header_is_no_loop() -> None:
    assert loop(mail("Subject: x", body=carried_for("acme/all"))) == ""
