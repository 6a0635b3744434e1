from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.address import Address, DefectiveAddress, checked_local, normal_domain, parse_address


def test_the_domain_is_kept_in_lower_case_and_the_local_part_as_it_is() -> None:
    assert parse_address("Bob.Smith+Tag@Corp.EXAMPLE") == Address("Bob.Smith+Tag", "corp.example")


def test_an_address_reads_as_it_is_written() -> None:
    assert str(Address("bob", "corp.example")) == "bob@corp.example"


def test_an_international_domain_becomes_its_ascii_form() -> None:
    assert normal_domain("Bücher.example") == "xn--bcher-kva.example"


def test_a_label_is_refused_for_the_same_reason_whenever_it_comes() -> None:
    for _ in range(2):
        with pytest.raises(DefectiveAddress, match="no valid international name"):
            normal_domain("\u00fc\u2003.example")


def test_one_final_dot_of_a_domain_is_left_out() -> None:
    assert normal_domain("corp.example.") == "corp.example"


def test_a_quoted_local_part_may_contain_an_at_sign_and_blanks() -> None:
    assert parse_address('"bob @ home"@corp.example').local == '"bob @ home"'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("bob", "no @ in it"),
        ("@corp.example", "nothing before the @"),
        ("bob@", "nothing after the @"),
        ("bob@.", "nothing after the @"),
        ("bob@corp..example", "domain has an invalid label"),
        ("bob@corp.example..", "domain has an invalid label"),
        ("bob@ corp.example", "domain has an invalid label"),
        ("bob @corp.example", "local part is neither a dot-atom nor a quoted string"),
        (".bob@corp.example", "local part is neither a dot-atom nor a quoted string"),
        ("bob@evil.example@corp.example", "local part is neither a dot-atom nor a quoted string"),
        ("<bob@corp.example>", "local part is neither a dot-atom nor a quoted string"),
        ('"bob"x@corp.example', "local part is neither a dot-atom nor a quoted string"),
        ("bob\0@corp.example", "local part is neither a dot-atom nor a quoted string"),
        ('"bob\r\nRCPT TO:<x>"@corp.example', "local part is neither a dot-atom nor a quoted string"),
        ("bob@-corp.example", "domain has an invalid label"),
        ("bob@corp.exa mple", "domain has an invalid label"),
        ("b" * 65 + "@corp.example", "local part longer than 64 octets"),
        ("bob@" + "c" * 64 + ".example", "domain has an invalid label"),
        ("bob@" + "\u00fc" * 60 + ".example", "domain has an invalid label"),
        ("bob@" + "\u0130" * 59 + ".example", "domain has an invalid label"),
        ("bob@" + "\u00fc" * 59 + ".example", "domain is no valid international name in its normal form"),
        ("bob@" + "c." * 128, "domain longer than 253 octets"),
        ("bob@\ud800.example", "domain is no valid international name in its normal form"),
    ],
)
def test_a_defective_address_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(DefectiveAddress, match=f"^{reason}$"):
        parse_address(text)


@given(st.text(max_size=80))
def test_whatever_is_accepted_can_be_put_into_a_command(text: str) -> None:
    try:
        address = parse_address(text)
    except DefectiveAddress:
        return
    assert not set(str(address)) & set("\r\n\0")
    assert address.domain.isascii()
    assert parse_address(str(address)) == address


@given(st.text(max_size=80))
def test_a_normal_domain_stays_as_it_is(text: str) -> None:
    try:
        domain = normal_domain(text)
    except DefectiveAddress:
        return
    assert normal_domain(domain) == domain


@given(st.text(min_size=1, max_size=90))
def test_a_local_part_is_never_changed(text: str) -> None:
    try:
        assert checked_local(text) == text
    except DefectiveAddress:
        return
