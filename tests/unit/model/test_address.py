from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.address import (
    Address,
    DefectiveAddress,
    checked_local,
    is_dot_atom,
    normal_domain,
    parse_address,
)
from shared.smtp.commands import Parameters, rcpt_to
from shared.smtp.errors import Unsendable

PRINTABLE = st.characters(min_codepoint=0x80, exclude_categories=("C", "Z"))
UNPRINTABLE = st.characters(min_codepoint=0x80, categories=("C", "Z"), exclude_characters="\u200c\u200d")


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
    "local",
    [
        "b\u00fcro",
        "bu\u0308ro",
        "\u0938\u0902\u092a\u0930\u094d\u0915",
        "\u0e1c\u0e39\u0e49\u0e14\u0e39\u0e41\u0e25",
        "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd.\u0ba4\u0bae\u0bbf\u0bb4\u0bcd",
        "\U0001f600",
        '"b\u00fcro @ home"',
    ],
)
def test_a_local_part_may_be_written_in_any_script(local: str) -> None:
    assert parse_address(f"{local}@corp.example").local == local


@pytest.mark.parametrize(
    "local",
    [
        "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc",
        "\u0dc1\u0dca\u200d\u0dbb\u0dd3",
        "\u0915\u094d\u200d",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        '"\u0646\u0627\u0645\u0647\u200c\u0627\u06cc @ home"',
    ],
)
def test_joiners_are_part_of_a_local_part_where_a_script_has_them(local: str) -> None:
    assert parse_address(f"{local}@corp.example").local == local
    assert rcpt_to(f"{local}@corp.example", Parameters(smtputf8=True)).line
    assert is_dot_atom(local) is not local.startswith('"')


@pytest.mark.parametrize("joiner", ["\u200c", "\u200d"])
@pytest.mark.parametrize("form", ["bob{}", "{}bob", "{}", "\u0915{0}{0}", "\u0915.{}", '"bob{}"', "{}\u0915"])
def test_a_joiner_that_joins_nothing_is_refused(form: str, joiner: str) -> None:
    local = form.format(joiner)
    assert not is_dot_atom(local)
    with pytest.raises(DefectiveAddress, match="neither a dot-atom nor a quoted string"):
        checked_local(local)
    with pytest.raises(Unsendable):
        rcpt_to(f"{local}@corp.example", Parameters(smtputf8=True))


@pytest.mark.parametrize("sign", ["\x85", "\u2028", "\u3000", "\u00a0", "\u202e", "\udcff"])
@pytest.mark.parametrize("form", ["bob{}", "{}bob", '"bob{}"'])
def test_signs_that_cannot_be_seen_are_no_part_of_an_address(form: str, sign: str) -> None:
    with pytest.raises(DefectiveAddress, match="neither a dot-atom nor a quoted string"):
        checked_local(form.format(sign))


@pytest.mark.parametrize("local", ['"bob\tsmith"', '"bob\x01"', '"bob\x7f"', '"bob\\\u00fc"'])
def test_a_quoted_local_part_holds_only_what_an_smtp_command_may(local: str) -> None:
    with pytest.raises(DefectiveAddress, match="neither a dot-atom nor a quoted string"):
        checked_local(local)


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
        ("bob\ud800@corp.example", "local part is neither a dot-atom nor a quoted string"),
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


@given(
    st.text(max_size=8)
    | st.text(PRINTABLE, max_size=8)
    | st.from_regex(r'"([^"\\\\]|\\\\.)*"', fullmatch=True)
)
def test_whatever_local_part_is_accepted_an_smtp_command_can_carry(local: str) -> None:
    try:
        checked_local(local)
    except DefectiveAddress:
        return
    assert rcpt_to(f"{local}@corp.example", Parameters(smtputf8=True)).line


@given(st.lists(st.text(PRINTABLE, min_size=1, max_size=4), min_size=1, max_size=4))
def test_any_printable_signs_beyond_ascii_make_a_dot_atom(atoms: list[str]) -> None:
    local = ".".join(atoms)
    assert checked_local(local) == local
    assert is_dot_atom(local)


@given(st.text(PRINTABLE, max_size=3), UNPRINTABLE, st.text(PRINTABLE, max_size=3))
def test_a_sign_that_is_not_printable_is_refused_wherever_it_stands(
    before: str, sign: str, after: str
) -> None:
    for local in (before + sign + after, f'"{before}{sign}{after}"'):
        assert not is_dot_atom(local)
        with pytest.raises(DefectiveAddress, match="neither"):
            checked_local(local)


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
