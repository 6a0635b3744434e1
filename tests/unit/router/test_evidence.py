from __future__ import annotations

import pytest

from services.router.evidence import Confidence, Evidence, EvidenceClass, find_evidence, own_address
from services.router.header import read_header
from shared.model.account import MailboxKind, Routing
from shared.model.address import Address
from tests.fakes.mails import OWN, catch_all, mail, single_user

LIST_ID = "List-Id: <list.example>"


def evidence(*lines: str, routing: Routing | None = None, own: Address | None = OWN) -> Evidence:
    return find_evidence(read_header(mail(*lines)), routing or catch_all(), own)


def addresses(*lines: str, routing: Routing | None = None, own: Address | None = OWN) -> list[str]:
    return [str(address) for address in evidence(*lines, routing=routing, own=own).addresses]


def test_in_a_single_user_mailbox_the_header_does_not_matter() -> None:
    found = evidence("Delivered-To: eve@firma.de", LIST_ID, "broken", routing=single_user("bob@firma.de"))
    assert found == Evidence(
        EvidenceClass.SINGLE_USER, Confidence.CERTAIN, addresses=(Address("bob", "firma.de"),)
    )


def test_a_single_user_mailbox_without_a_recipient_gives_no_evidence() -> None:
    found = evidence("To: bob@firma.de", routing=Routing(MailboxKind.SINGLE))
    assert found.kind is EvidenceClass.NONE


@pytest.mark.parametrize("name", ["X-Original-To", "Delivered-To", "Envelope-To", "ENVELOPE-TO"])
def test_an_envelope_field_decides_over_to_and_cc(name: str) -> None:
    found = evidence(f"{name}: bob@firma.de", "To: carol@firma.de", "Cc: dave@firma.de")
    assert found.kind is EvidenceClass.ENVELOPE_FIELD
    assert found.confidence is Confidence.HIGH
    assert [str(address) for address in found.addresses] == ["bob@firma.de"]


def test_fields_are_asked_in_their_configured_order_whatever_their_order_in_the_mail() -> None:
    lines = ("Delivered-To: carol@firma.de", "X-Original-To: bob@firma.de")
    assert addresses(*lines) == ["bob@firma.de"]
    assert addresses(*lines, routing=catch_all(fields=("X-Mine", "delivered-to"))) == ["carol@firma.de"]


def test_of_several_the_topmost_counts() -> None:
    assert addresses("Delivered-To: bob@firma.de", "Delivered-To: carol@firma.de") == ["bob@firma.de"]


def test_fields_that_are_not_configured_do_not_count() -> None:
    assert addresses("Delivered-To: bob@firma.de", "To: carol@firma.de", routing=catch_all(fields=())) == [
        "carol@firma.de"
    ]


@pytest.mark.parametrize("value", ["catchall@isp.example", "Catchall@ISP.example", "<catchall@isp.example>"])
def test_the_collecting_mailbox_itself_is_skipped(value: str) -> None:
    assert addresses(f"Delivered-To: {value}", "Delivered-To: bob@firma.de") == ["bob@firma.de"]
    assert addresses(f"X-Original-To: {value}", "Delivered-To: bob@firma.de") == ["bob@firma.de"]
    assert addresses(f"X-Original-To: {value}", "To: bob@firma.de") == ["bob@firma.de"]


def test_an_envelope_field_may_name_several() -> None:
    assert addresses("Envelope-To: bob@firma.de, catchall@isp.example, carol@firma.de") == [
        "bob@firma.de",
        "carol@firma.de",
    ]


@pytest.mark.parametrize("value", ["bob", "somebody@elsewhere.example", '"bob@firma.de'])
def test_an_envelope_field_that_is_of_no_use_is_not_replaced_by_a_guess(value: str) -> None:
    found = evidence(f"Delivered-To: {value}", "To: carol@firma.de")
    assert found.kind is EvidenceClass.ENVELOPE_FIELD
    assert Address("carol", "firma.de") not in found.addresses


def test_without_envelope_fields_to_cc_and_bcc_are_a_guess() -> None:
    found = evidence("Bcc: dave@firma.de", "To: bob@firma.de", "Cc: carol@firma.de", "To: erin@firma.de")
    assert (found.kind, found.confidence) == (EvidenceClass.VISIBLE, Confidence.LOW)
    assert found.field == "Bcc, To, Cc"
    assert {address.local for address in found.addresses} == {"bob", "carol", "dave", "erin"}


def test_a_resent_mail_is_for_those_it_was_resent_to() -> None:
    found = evidence(
        "Resent-From: anna@sender.example",
        "Resent-To: bob@firma.de",
        "Resent-Cc: carol@firma.de",
        "To: dave@firma.de",
    )
    assert found.kind is EvidenceClass.RESENT
    assert [address.local for address in found.addresses] == ["bob", "carol"]


@pytest.mark.parametrize("between", ["Received: from a by b", "Resent-From: x@y.example"])
def test_only_the_topmost_resent_block_counts(between: str) -> None:
    lines = (
        "Resent-From: anna@sender.example",
        "Resent-To: bob@firma.de",
        between,
        "Resent-To: carol@firma.de",
    )
    assert addresses(*lines) == ["bob@firma.de"]


def test_a_resent_block_that_names_nobody_leaves_to_and_cc() -> None:
    assert addresses("Resent-From: anna@sender.example", "To: bob@firma.de") == ["bob@firma.de"]


@pytest.mark.parametrize("sign", [LIST_ID, "Precedence: list", "Precedence: LIST"])
def test_the_mail_of_a_mailing_list_is_not_guessed(sign: str) -> None:
    found = evidence(sign, "To: bob@firma.de", "Resent-To: bob@firma.de")
    assert (found.kind, found.addresses) == (EvidenceClass.NONE, ())
    assert "mailing list" in found.notes[0]


def test_the_mail_of_a_mailing_list_with_an_envelope_field_is_routed() -> None:
    assert addresses(LIST_ID, "Delivered-To: bob@firma.de", "To: list@list.example") == ["bob@firma.de"]


@pytest.mark.parametrize(
    "lines", [(), ("Subject: x",), ("To: undisclosed-recipients:;",), ("Delivered-To: ", "Cc: ")]
)
def test_where_nobody_is_named_there_is_no_evidence(lines: tuple[str, ...]) -> None:
    found = evidence(*lines)
    assert found.kind is EvidenceClass.NONE
    assert found.notes[0] == "no field names a recipient"


def test_a_header_with_stray_lines_lowers_the_confidence_and_says_so() -> None:
    found = evidence("Delivered-To: bob@firma.de", "stray")
    assert found.confidence is Confidence.LOW
    assert (
        found.describe()
        == "envelope-field Delivered-To (low confidence); the header has lines that are no field"
    )


def test_a_login_is_an_own_address_only_if_it_is_an_address() -> None:
    assert own_address("catchall@ISP.example") == OWN
    assert own_address("m0123456") is None


OUTER = "Received: from out.sender.example by mx.isp.example for <{}>; Mon"
INNER = "Received: from mx.isp.example by store.isp.example for <{}>; Mon"


def test_a_blind_copy_is_recovered_from_the_line_with_which_the_provider_received_it() -> None:
    found = evidence(
        INNER.format("carol@firma.de"), OUTER.format("bob@firma.de"), "To: list@sender.example", LIST_ID
    )
    assert (found.kind, found.confidence) == (EvidenceClass.RECEIVED_FOR, Confidence.HIGH)
    assert found.addresses == (Address("bob", "firma.de"),)
    assert found.describe() == "received-for Received by mx.isp.example (high confidence)"


@pytest.mark.parametrize("alias", ["catchall@isp.example", "m0123456@isp.example", "a@firma.de>,<b@firma.de"])
def test_a_line_that_names_an_alias_or_several_is_passed_over(alias: str) -> None:
    assert addresses(INNER.format("bob@firma.de"), OUTER.format(alias)) == ["bob@firma.de"]
    assert addresses(INNER.format(alias), OUTER.format(alias), "To: carol@firma.de") == ["carol@firma.de"]


def test_what_the_senders_servers_noted_is_no_evidence() -> None:
    sent = "Received: from x by out.sender.example for <eve@firma.de>; Mon"
    assert addresses("Received: from y by mx.isp.example; Mon", sent, "To: bob@firma.de") == ["bob@firma.de"]


def test_an_envelope_field_is_worth_more_than_a_received_line() -> None:
    assert addresses("Delivered-To: bob@firma.de", OUTER.format("carol@firma.de")) == ["bob@firma.de"]
