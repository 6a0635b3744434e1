from __future__ import annotations

from dataclasses import replace

import pytest

from services.router.evidence.evidence import Confidence, Evidence, EvidenceClass, IgnoredValue
from services.router.header.addresses import INTERNATIONAL_LIMIT
from shared.model.account import MailboxKind, Routing
from shared.model.address import Address
from tests.fakes.checked_domains import checked_domains
from tests.fakes.mails import OWN, catch_all, evidence_in, single_user

LIST_ID = "List-Id: <list.example>"
RECEIVED = "Received: from out.sender.example by mx.isp.example; Mon"


def addresses(*lines: str, routing: Routing | None = None, login: str = str(OWN)) -> list[str]:
    return [str(address) for address in evidence_in(*lines, routing=routing, login=login).addresses]


def test_in_a_single_user_mailbox_the_header_does_not_matter() -> None:
    found = evidence_in("Delivered-To: eve@firma.de", LIST_ID, "broken", routing=single_user("bob@firma.de"))
    assert found == Evidence(
        EvidenceClass.SINGLE_USER, Confidence.CERTAIN, addresses=(Address("bob", "firma.de"),)
    )


def test_a_single_user_mailbox_without_a_recipient_gives_no_evidence() -> None:
    found = evidence_in("To: bob@firma.de", routing=Routing(MailboxKind.SINGLE))
    assert found.kind is EvidenceClass.NONE


@pytest.mark.parametrize(
    "name",
    [
        "X-Original-To",
        "DELIVERED-TO",
        "Envelope-To",
        "X-Envelope-To",
        "X-RCPT-TO",
        "X-Deliver-To",
        "Apparently-To",
    ],
)
def test_an_envelope_field_in_the_trusted_zone_decides_over_to_and_cc(name: str) -> None:
    found = evidence_in(f"{name}: bob@firma.de", RECEIVED, "To: carol@firma.de", "Cc: dave@firma.de")
    assert found.kind is EvidenceClass.ENVELOPE_FIELD
    assert found.confidence is Confidence.HIGH
    assert ([str(address) for address in found.addresses], found.value) == (["bob@firma.de"], "bob@firma.de")


def test_the_envelope_fields_have_an_order_of_their_own_whatever_their_order_in_the_mail() -> None:
    lines = ("Envelope-To: dave@firma.de", "Delivered-To: carol@firma.de", "X-Original-To: bob@firma.de")
    assert addresses(*lines) == ["bob@firma.de"]


def test_an_envelope_field_below_the_trusted_zone_was_written_by_the_sender() -> None:
    found = evidence_in(RECEIVED, "X-Original-To: eve@firma.de", "To: bob@firma.de")
    assert (found.kind, found.addresses) == (EvidenceClass.VISIBLE, (Address("bob", "firma.de"),))
    assert found.ignored == (
        IgnoredValue(
            "eve@firma.de", "in X-Original-To, but it stands below what the provider's servers wrote"
        ),
    )


def test_an_envelope_field_is_believed_less_where_no_server_noted_anything() -> None:
    found = evidence_in("Delivered-To: bob@firma.de", "To: carol@firma.de")
    assert (found.kind, found.confidence) == (EvidenceClass.ENVELOPE_FIELD, Confidence.LOW)
    assert found.notes == (
        "without a Received line, nothing shows where the provider's part of the header ends",
    )


def test_configured_fields_are_asked_in_their_order_and_before_all_others() -> None:
    lines = ("Delivered-To: carol@firma.de", "X-Original-To: bob@firma.de", "X-Mine: dave@firma.de")
    assert addresses(*lines, routing=catch_all(fields=("X-Mine", "delivered-to"))) == ["dave@firma.de"]
    assert addresses(*lines, routing=catch_all(fields=("X-Other", "delivered-to"))) == ["carol@firma.de"]
    assert addresses(*lines, routing=catch_all(fields=("X-Other",))) == ["bob@firma.de"]


def test_a_configured_field_counts_wherever_it_stands_but_is_believed_less_below_the_zone() -> None:
    routing = catch_all(fields=("X-Mine",))
    inside = evidence_in("X-Mine: bob@firma.de", RECEIVED, routing=routing)
    assert (inside.kind, inside.confidence) == (EvidenceClass.CONFIGURED_FIELD, Confidence.HIGH)
    below = evidence_in(RECEIVED, "X-Mine: bob@firma.de", routing=routing)
    assert (below.addresses, below.confidence) == (inside.addresses, Confidence.LOW)
    assert below.describe() == (
        "configured-field X-Mine (low confidence); it stands below what the provider's servers wrote"
    )


def test_a_position_means_that_field_from_the_top_and_no_other() -> None:
    lines = ("X-Mine: bob@firma.de", "X-Mine: carol@firma.de", "To: dave@firma.de")
    assert addresses(*lines, routing=catch_all(fields=("X-Mine:2",))) == ["carol@firma.de"]
    assert addresses(*lines, routing=catch_all(fields=("X-Mine:3",))) == ["dave@firma.de"]


def test_a_pattern_takes_the_recipient_out_of_a_value() -> None:
    routing = catch_all(fields=("X-Recipient: acct-* <*>",))
    assert addresses("X-Recipient: acct-17 bob@firma.de", routing=routing) == ["bob@firma.de"]
    assert addresses("X-Recipient:\tacct-17\r\n\t<bob@firma.de>", routing=routing) == ["bob@firma.de"]


def test_a_value_that_does_not_match_the_pattern_is_ignored_and_listed() -> None:
    routing = catch_all(fields=("X-Recipient: acct-* <*>",))
    lines = ("X-Recipient: eve@firma.de", "X-Recipient: acct-1 bob@firma.de")
    found = evidence_in(*lines, routing=routing)
    assert found.addresses == (Address("bob", "firma.de"),)
    assert found.ignored == (IgnoredValue("eve@firma.de", "not of the form X-Recipient: acct-* <*>"),)


def test_received_for_can_be_put_before_envelope_fields() -> None:
    lines = ("Delivered-To: carol@firma.de", OUTER.format("bob@firma.de"))
    found = evidence_in(*lines, routing=catch_all(fields=("Received:for",)))
    assert (found.kind, found.addresses) == (EvidenceClass.CONFIGURED_FIELD, (Address("bob", "firma.de"),))
    assert evidence_in(*lines).addresses == (Address("carol", "firma.de"),)


def test_received_for_can_name_the_line() -> None:
    lines = (INNER.format("bob@firma.de"), OUTER.format("carol@firma.de"))
    for position, local in ((1, "bob"), (2, "carol")):
        assert addresses(*lines, routing=catch_all(fields=(f"Received:{position}:for",))) == [
            f"{local}@firma.de"
        ]


def test_where_only_the_configured_fields_count_nothing_else_is_looked_at() -> None:
    routing = replace(catch_all(fields=("X-Mine",)), only_recipient_headers=True)
    assert addresses("X-Mine: bob@firma.de", routing=routing) == ["bob@firma.de"]
    found = evidence_in(
        "Delivered-To: bob@firma.de", OUTER.format("bob@firma.de"), "To: bob@firma.de", routing=routing
    )
    assert (found.kind, found.addresses) == (EvidenceClass.NONE, ())
    assert "none of the configured fields" in found.notes[0]


def test_classes_are_never_united() -> None:
    lines = [
        "X-Mine: a@firma.de",
        "X-Original-To: b@firma.de",
        "Delivered-To: c@firma.de",
        OUTER.format("d@firma.de"),
    ]
    lines += ["Resent-To: e@firma.de", "To: f@firma.de", "Cc: g@firma.de"]
    found = []
    while lines:
        found.append(addresses(*lines, routing=catch_all(fields=("X-Mine",))))
        lines.pop(0)
    assert found == [[f"{local}@firma.de"] for local in "abcde"] + [
        ["f@firma.de", "g@firma.de"],
        ["g@firma.de"],
    ]


def test_the_list_of_ignored_values_is_bounded() -> None:
    routing = catch_all(fields=("X-Mine: a*",))
    assert len(evidence_in(*["X-Mine: b"] * 500, routing=routing).ignored) == 20


def test_of_several_the_topmost_counts() -> None:
    assert addresses("Delivered-To: bob@firma.de", "Delivered-To: carol@firma.de") == ["bob@firma.de"]


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


@pytest.mark.parametrize("value", ["somebody@elsewhere.example", '"bob@firma.de', "<bob@>"])
def test_an_envelope_field_that_is_of_no_use_is_not_replaced_by_a_guess(value: str) -> None:
    found = evidence_in(f"Delivered-To: {value}", "To: carol@firma.de")
    assert found.kind is EvidenceClass.ENVELOPE_FIELD
    assert Address("carol", "firma.de") not in found.addresses


def test_without_envelope_fields_to_cc_and_bcc_are_a_guess() -> None:
    found = evidence_in("Bcc: dave@firma.de", "To: bob@firma.de", "Cc: carol@firma.de", "To: erin@firma.de")
    assert (found.kind, found.confidence) == (EvidenceClass.VISIBLE, Confidence.LOW)
    assert found.field == "Bcc, To, Cc"
    assert {address.local for address in found.addresses} == {"bob", "carol", "dave", "erin"}


def test_a_resent_mail_is_for_those_it_was_resent_to() -> None:
    found = evidence_in(
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
    found = evidence_in(sign, "To: bob@firma.de", "Resent-To: bob@firma.de")
    assert (found.kind, found.addresses) == (EvidenceClass.NONE, ())
    assert "mailing list" in found.notes[0]


def test_the_mail_of_a_mailing_list_with_an_envelope_field_is_routed() -> None:
    assert addresses(LIST_ID, "Delivered-To: bob@firma.de", "To: list@list.example") == ["bob@firma.de"]


@pytest.mark.parametrize(
    "lines", [(), ("Subject: x",), ("To: undisclosed-recipients:;",), ("Delivered-To: ", "Cc: ")]
)
def test_where_nobody_is_named_there_is_no_evidence(lines: tuple[str, ...]) -> None:
    found = evidence_in(*lines)
    assert found.kind is EvidenceClass.NONE
    assert found.notes[0] == "no field names a recipient"


def test_a_header_with_stray_lines_lowers_the_confidence_and_says_so() -> None:
    found = evidence_in("Delivered-To: bob@firma.de", RECEIVED, "stray")
    assert found.confidence is Confidence.LOW
    assert (
        found.describe()
        == "envelope-field Delivered-To (low confidence); the header has lines that are no field"
    )


def test_a_login_that_is_no_address_is_the_local_part_of_the_mailboxs_own() -> None:
    lines = ("Delivered-To: M0123456@store.isp.example", "To: bob@firma.de")
    assert addresses(*lines, login="m0123456") == ["bob@firma.de"]
    assert addresses(*lines, login="m7") == ["M0123456@store.isp.example"]


def test_in_an_accepted_domain_the_local_part_that_is_the_login_may_be_a_person() -> None:
    assert addresses("Delivered-To: bob@firma.de", "To: carol@firma.de", login="bob") == ["bob@firma.de"]


def test_further_addresses_of_the_mailbox_can_be_named() -> None:
    routing = replace(catch_all(), own_addresses=(Address("Box", "isp.example"),))
    found = evidence_in("Delivered-To: box@isp.example", "To: bob@firma.de", routing=routing)
    assert found.addresses == (Address("bob", "firma.de"),)
    assert found.ignored == (
        IgnoredValue("box@isp.example", "Delivered-To names the collecting mailbox itself"),
    )


@pytest.mark.parametrize("login", ["web12p3", "web12p3@isp.example"])
@pytest.mark.parametrize("value", ["web12p3", "Web12P3", "<web12p3>"])
def test_the_collecting_mailbox_is_known_without_a_domain_too(value: str, login: str) -> None:
    lines = (f"Delivered-To: {value}", OUTER.format("dave@firma.de"), "To: bob@firma.de")
    found = evidence_in(*lines, login=login)
    assert (found.kind, found.addresses) == (EvidenceClass.RECEIVED_FOR, (Address("dave", "firma.de"),))
    assert found.ignored[0].reason == "Delivered-To names the collecting mailbox itself"


def test_in_an_envelope_field_the_collecting_mailbox_without_a_domain_is_nobody_beside_others() -> None:
    found = evidence_in("Envelope-To: bob@firma.de, catchall")
    assert (found.addresses, found.defects) == ((Address("bob", "firma.de"),), ())


@pytest.mark.parametrize("value", ["vmail", "<vmail>", "local delivery", "bob; carol"])
def test_an_envelope_field_without_any_at_sign_says_nothing_and_is_passed_over(value: str) -> None:
    lines = (f"Delivered-To: {value}", OUTER.format("dave@firma.de"), "To: bob@firma.de")
    found = evidence_in(*lines)
    assert (found.kind, found.addresses) == (EvidenceClass.RECEIVED_FOR, (Address("dave", "firma.de"),))
    assert found.ignored == (IgnoredValue(value, "Delivered-To names no address, as there is no @ in it"),)


def test_the_collecting_mailbox_is_known_with_the_providers_prefix_too() -> None:
    routing = replace(catch_all(), recipient_prefixes=("mbox-", "isp-"))
    lines = ("Delivered-To: isp-catchall@isp.example", "Delivered-To: mbox-dave@firma.de")
    found = evidence_in(*lines, routing=routing)
    assert found.addresses == (Address("mbox-dave", "firma.de"),)
    assert found.ignored[0].reason == "Delivered-To names the collecting mailbox itself"


def test_the_collecting_mailbox_with_a_prefix_is_known_in_an_accepted_domain() -> None:
    routing = replace(catch_all(), recipient_prefixes=("12-",))
    lines = ("Delivered-To: 12-catchall@firma.de", "Delivered-To: 12-dave@firma.de")
    assert addresses(*lines, routing=routing, login="catchall@firma.de") == ["12-dave@firma.de"]


OUTER = "Received: from out.sender.example by mx.isp.example for <{}>; Mon"
INNER = "Received: from mx.isp.example by store.isp.example for <{}>; Mon"


def test_a_blind_copy_is_recovered_from_the_line_with_which_the_provider_received_it() -> None:
    found = evidence_in(
        INNER.format("carol@firma.de"), OUTER.format("bob@firma.de"), "To: list@sender.example", LIST_ID
    )
    assert (found.kind, found.confidence) == (EvidenceClass.RECEIVED_FOR, Confidence.HIGH)
    assert found.addresses == (Address("bob", "firma.de"),)
    assert found.describe() == "received-for Received by mx.isp.example (high confidence)"


def test_a_line_that_names_the_collecting_mailbox_with_the_providers_prefix_is_passed_over() -> None:
    routing = replace(catch_all(), recipient_prefixes=("12-",))
    lines = (INNER.format("12-catchall@firma.de"), OUTER.format("12-dave@firma.de"), "To: bob@firma.de")
    assert addresses(*lines, routing=routing, login="catchall@firma.de") == ["12-dave@firma.de"]
    found = evidence_in(lines[0], lines[2], routing=routing, login="catchall@firma.de")
    assert found.addresses == (Address("bob", "firma.de"),)
    assert found.ignored[0].reason == "Received by store.isp.example names the collecting mailbox itself"


@pytest.mark.parametrize("alias", ["catchall@isp.example", "m0123456@isp.example", "a@firma.de>,<b@firma.de"])
def test_a_line_that_names_an_alias_or_several_is_passed_over(alias: str) -> None:
    assert addresses(INNER.format("bob@firma.de"), OUTER.format(alias)) == ["bob@firma.de"]
    assert addresses(INNER.format(alias), OUTER.format(alias), "To: carol@firma.de") == ["carol@firma.de"]


def test_a_received_for_that_was_forged_below_the_trusted_zone_is_ignored() -> None:
    """The sender pretends that the provider's own server took the mail for eve."""
    taken = "Received: from out.sender.example (out.sender.example [192.0.2.1]) by mx.isp.example; Mon"
    assert addresses(taken, OUTER.format("eve@firma.de"), "To: bob@firma.de") == ["bob@firma.de"]


def test_what_the_senders_servers_noted_is_no_evidence() -> None:
    sent = "Received: from x by out.sender.example for <eve@firma.de>; Mon"
    assert addresses("Received: from y by mx.isp.example; Mon", sent, "To: bob@firma.de") == ["bob@firma.de"]


SENT = ("X-Original-To: eve@firma.de", "Received: from ws by out.sender.example with SMTP; Mon")


@pytest.mark.parametrize(
    ("line", "recipient"),
    [
        ('(Postfix) with ESMTP id 1 for <"john doe"@firma.de>', '"john doe"@firma.de'),
        (r"(Authenticated sender: DOM\anna) with ESMTPA id 1 for <dave@firma.de>", "dave@firma.de"),
        (r"(Authenticated sender: anna\) with ESMTPA id 1 for <dave@firma.de>", "bob@firma.de"),
    ],
)
def test_what_the_sender_wrote_decides_nothing_however_hard_the_providers_line_is_to_read(
    line: str, recipient: str
) -> None:
    taken = (
        f"Received: from out.sender.example (out.sender.example [192.0.2.1]) by mx.isp.example {line}; Mon"
    )
    assert addresses(taken, *SENT, "To: bob@firma.de") == [recipient]


@pytest.mark.parametrize(
    "clauses",
    [
        "from mx.isp.example ([192.0.2.1]) by mx.isp.example",
        "from mx.isp.example (192.0.2.1) by ex1.isp.example (10.0.0.1)",
        "from mx.isp.example (mx.isp.example [192.0.2.1]) by mailserver",
        "from mx.isp.example (192.0.2.1) by 0 with SMTP",
    ],
)
def test_a_client_that_takes_the_providers_name_is_not_believed(clauses: str) -> None:
    forged = (
        "X-Original-To: eve@firma.de",
        "Received: from localhost by mx.isp.example for <eve@firma.de>; Mon",
    )
    found = evidence_in(f"Received: {clauses}; Mon", *forged, "To: bob@firma.de")
    assert (found.addresses, found.confidence) == ((Address("bob", "firma.de"),), Confidence.LOW)


def test_an_envelope_field_is_worth_more_than_a_received_line() -> None:
    assert addresses("Delivered-To: bob@firma.de", OUTER.format("carol@firma.de")) == ["bob@firma.de"]


def test_what_many_fields_that_name_the_collecting_mailbox_may_cost_is_counted_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked = checked_domains(monkeypatch)
    many = [f"Delivered-To: vmail@\u00fc{number}.de" for number in range(3 * INTERNATIONAL_LIMIT)]
    found = evidence_in(*many, RECEIVED, "To: bob@firma.de", login="vmail")
    assert len(checked) == INTERNATIONAL_LIMIT
    assert found.kind is EvidenceClass.ENVELOPE_FIELD
    assert "international domains were looked at" in found.defects[0].reason


AMAVIS = (
    "Received: from localhost (localhost [127.0.0.1])\r\n\tby mail.isp.example (Postfix) with ESMTP id 3",
    (
        "Received: from mail.isp.example ([127.0.0.1])\r\n\tby localhost (mail.isp.example [127.0.0.1])"
        " (amavisd-new, port 10024)\r\n\twith ESMTP id x for <anna@firma.de>"
    ),
)
ZIMBRA = (
    "Received: from mail.isp.example (LHLO mail.isp.example) (192.0.2.77) by mail.isp.example with LMTP",
    "Received: from localhost (localhost [127.0.0.1]) by mail.isp.example (Postfix) with ESMTP id 5",
    "X-Virus-Scanned: amavisd-new at mail.isp.example",
    (
        "Received: from mail.isp.example ([127.0.0.1]) by localhost (mail.isp.example [127.0.0.1])"
        " (amavisd-new, port 10032) with ESMTP id 4"
    ),
    "Received: from localhost (localhost [127.0.0.1]) by mail.isp.example (Postfix) with ESMTP id 3",
    (
        "Received: from mail.isp.example ([127.0.0.1]) by localhost (mail.isp.example [127.0.0.1])"
        " (amavisd-new, port 10026) with ESMTP id 2"
    ),
)
IREDMAIL = (
    "Received: from mail.isp.example (localhost [127.0.0.1]) by mail.isp.example with LMTP id 1",
    "Received: from mail (unknown [127.0.0.1]) by mail.isp.example (Postfix) with ESMTP id 4",
    (
        "Received: from mail.isp.example ([127.0.0.1]) by mail (mail.isp.example [127.0.0.1])"
        " (amavisd-new, port 10024) with ESMTP id 3"
    ),
)
TOP = "Received: from mail.isp.example by mail.isp.example with LMTP id 9 for <catchall@isp.example>"
OUTSIDE = "Received: from out.sender.example (out.sender.example [192.0.2.1]) by mail.isp.example (Postfix)"
FILTERS = [(TOP, *AMAVIS), ZIMBRA, IREDMAIL, (TOP, *AMAVIS, *AMAVIS[:1])]


@pytest.mark.parametrize("lines", FILTERS)
def test_what_the_provider_noted_before_its_content_filter_decides(lines: tuple[str, ...]) -> None:
    foreign = "Received: from eve by out.sender.example for <eve@firma.de>"
    noted = (*lines, f"{OUTSIDE} with ESMTP id 1 for <anna@firma.de>; Mon", foreign, "To: bob@firma.de")
    found = evidence_in(*noted)
    assert (found.kind, found.addresses) == (EvidenceClass.RECEIVED_FOR, (Address("anna", "firma.de"),))
    below = (*lines, "X-Original-To: anna@firma.de", f"{OUTSIDE}; Mon", foreign, "To: bob@firma.de")
    found = evidence_in(*below)
    assert (found.kind, found.addresses) == (EvidenceClass.ENVELOPE_FIELD, (Address("anna", "firma.de"),))
    assert found.confidence is Confidence.HIGH


@pytest.mark.parametrize("lines", FILTERS)
def test_a_content_filters_lines_that_the_sender_wrote_decide_nothing(lines: tuple[str, ...]) -> None:
    forged = (f"{OUTSIDE}; Mon", *lines, "X-Original-To: eve@firma.de", f"{OUTSIDE} for <eve@firma.de>; Mon")
    found = evidence_in(*forged, "To: bob@firma.de")
    assert (found.kind, found.addresses) == (EvidenceClass.VISIBLE, (Address("bob", "firma.de"),))


SALES = Address("sales", "firma.de")


@pytest.mark.parametrize("routing", [catch_all(fields=["X-Original-To"]), single_user("bob@firma.de")])
def test_a_folder_with_a_recipient_of_its_own_decides_whatever_the_header_says(routing: Routing) -> None:
    routing = replace(routing, folder_recipients={"Sales/Web": SALES})
    lines = ("X-Original-To: eve@firma.de", RECEIVED, LIST_ID, "To: carol@firma.de", "broken")
    found = evidence_in(*lines, routing=routing, folder="Sales/Web")
    assert found == Evidence(EvidenceClass.FOLDER, Confidence.CERTAIN, addresses=(SALES,), value="Sales/Web")
    assert found.kind.number == 0


@pytest.mark.parametrize("folder", ["INBOX", "Sales", "sales/web", "Sales/Web/Old"])
def test_mail_of_other_folders_is_resolved_by_its_header(folder: str) -> None:
    routing = replace(catch_all(), folder_recipients={"Sales/Web": SALES})
    found = evidence_in("To: carol@firma.de", routing=routing, folder=folder)
    assert (found.kind, found.addresses) == (EvidenceClass.VISIBLE, (Address("carol", "firma.de"),))


def test_a_folder_is_found_however_its_accents_are_made() -> None:
    routing = replace(catch_all(), folder_recipients={"Entw\u00fcrfe": SALES})
    assert evidence_in(routing=routing, folder="Entwu\u0308rfe").addresses == (SALES,)


def test_the_name_of_a_folder_is_made_printable() -> None:
    routing = replace(catch_all(), folder_recipients={"a\x1b[31m\n": SALES})
    assert evidence_in(routing=routing, folder="a\x1b[31m\n").value == "a\\x1b[31m\\n"
