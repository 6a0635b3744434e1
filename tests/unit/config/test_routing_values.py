from __future__ import annotations

import pytest

from shared.config import routing_values as values
from shared.model.address import Address
from shared.model.sender import SenderKind


def test_domains_are_normalised_on_both_sides() -> None:
    assert values.domains(
        {"ACME.com": "keep", "b\u00fccher.example": "Acme.Local", "*.ACME.com": "*.Acme.local"}
    ) == {
        "acme.com": "keep",
        "xn--bcher-kva.example": "acme.local",
        "*.acme.com": "*.acme.local",
    }


def test_one_domain_written_in_two_ways_is_refused() -> None:
    with pytest.raises(ValueError, match=r'the domain "acme\.com" is named twice'):
        values.domains({"acme.com": "keep", "ACME.com": "keep"})


def test_one_domain_cannot_become_many() -> None:
    with pytest.raises(ValueError, match=r'"acme\.com" is one domain, so it becomes one domain'):
        values.domains({"acme.com": "*.acme.local"})


@pytest.mark.parametrize(
    "value", [{"": "keep"}, {"a..b": "keep"}, {"acme.com": "a b"}, {"acme.com": 7}, {"*.": "keep"}]
)
def test_an_invalid_domain_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is no valid domain"):
        values.domains(value)


def test_header_fields_are_compared_without_case() -> None:
    assert [field.key for field in values.recipient_fields(["X-Original-To", "To:2"])] == [
        "x-original-to",
        "to",
    ]
    with pytest.raises(ValueError, match="the same value is given twice"):
        values.recipient_fields(["To", "TO"])


@pytest.mark.parametrize("value", [["X Y"], [""], ["To\r\nBcc"], [": *"]])
def test_what_is_no_header_field_is_refused(value: list[str]) -> None:
    with pytest.raises(ValueError, match="begins with no name of a header field"):
        values.recipient_fields(value)


@pytest.mark.parametrize("value", ["To", [7], None])
def test_header_fields_must_be_a_list_of_names(value: object) -> None:
    with pytest.raises(ValueError, match="expected a list of header fields"):
        values.recipient_fields(value)


def test_a_prefix_is_one_text_or_a_list() -> None:
    assert values.prefixes("Mbox-") == ("mbox-",)
    assert values.prefixes(["1-", "2-"]) == ("1-", "2-")
    for wrong in ("", "a@b", "a b"):
        with pytest.raises(ValueError, match="cannot stand at the beginning of a local part"):
            values.prefixes(wrong)


def test_trusted_hosts_are_names_domains_with_a_star_or_ip_addresses() -> None:
    written = ["MX.isp.example.", "*.isp.example", "10.0.0.5", "[2001:db8::1]", "localhost"]
    assert values.trusted_hosts(written) == (
        "mx.isp.example",
        "*.isp.example",
        "10.0.0.5",
        "2001:db8::1",
        "localhost",
    )
    for wrong in ("", "*", "mx.*.example", "a b", "http://x"):
        with pytest.raises(ValueError, match="is no host"):
            values.trusted_hosts([wrong])


def test_an_alias_is_found_whatever_the_case_of_its_local_part() -> None:
    assert values.aliases({"Info@ACME.com": "Bob@corp"}) == {
        Address("info", "acme.com"): Address("Bob", "corp")
    }
    with pytest.raises(ValueError, match="is named twice"):
        values.aliases({"info@acme.com": "a@corp", "INFO@acme.com": "b@corp"})
    with pytest.raises(ValueError, match='"bob" is no valid address'):
        values.aliases({"info@acme.com": "bob"})


def test_a_sender_is_one_of_three_words_or_an_address() -> None:
    assert values.sender("srs") is SenderKind.SRS
    assert values.sender("relay@Corp.example") == Address("relay", "corp.example")
    for wrong in ("", "address", "<>", 7):
        with pytest.raises(ValueError, match="expected"):
            values.sender(wrong)


def test_folders_are_named_by_decoded_names_and_inbox_in_any_case() -> None:
    assert values.folder_recipients({"inbox": "a@corp", "Entwu\u0308rfe/Web": "b@corp"}) == {
        "INBOX": Address("a", "corp"),
        "Entw\u00fcrfe/Web": Address("b", "corp"),
    }
    with pytest.raises(ValueError, match='the folder "INBOX" is named twice'):
        values.folder_recipients({"INBOX": "a@corp", "Inbox": "b@corp"})
    with pytest.raises(ValueError, match='"sales" is no valid address'):
        values.folder_recipients({"Sales": "sales"})
    with pytest.raises(ValueError, match="expected a table such as"):
        values.folder_recipients(["Sales"])


@pytest.mark.parametrize("name", ["", "a\r\nb", "a\0"])
def test_what_is_no_name_of_a_folder_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a folder"):
        values.folder_recipients({name: "a@corp"})


@pytest.mark.parametrize("name", ["*", "Info/%", "\\Junk"])
def test_patterns_of_folders_would_match_nothing_and_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is a pattern or a special use; write the name of one folder"):
        values.folder_recipients({name: "a@corp"})


def test_the_field_for_the_folder_is_a_field_that_mail_does_not_have() -> None:
    assert values.folder_header("X-Source-Folder") == "X-Source-Folder"
    with pytest.raises(ValueError, match='"Received" has a meaning of its own in mail'):
        values.folder_header("Received")
    for wrong in ("X Y", "", 7):
        with pytest.raises(ValueError, match="expected the name of a header field"):
            values.folder_header(wrong)
