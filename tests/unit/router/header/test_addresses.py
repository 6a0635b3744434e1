from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.header import addresses, lexer
from services.router.header.addresses import (
    ADDRESS_LIMIT,
    INTERNATIONAL_LIMIT,
    TOKEN_LIMIT,
    Defect,
    read_addresses,
)
from services.router.header.lexer import Token
from shared.model.address import Address, is_printable, parse_address
from tests.fakes.mails import corpus_mails

LISTS = st.lists(
    st.sampled_from(
        [
            b"bob",
            b"@",
            b"firma.de",
            b" ",
            b",",
            b";",
            b":",
            b"<",
            b">",
            b'"',
            b"(",
            b")",
            b"\\",
            b"[",
            b"]",
            b".",
        ]
    )
    | st.binary(max_size=3),
    max_size=25,
).map(b"".join)
ATOMS = st.text(alphabet="abcXYZ019!#$%&'*+-/=?^_`{|}~", min_size=1, max_size=10)
LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
ADDRESSES = st.builds(
    Address,
    st.lists(ATOMS, min_size=1, max_size=3).map(".".join),
    st.lists(LABELS, min_size=2, max_size=3)
    .map(".".join)
    .filter(lambda domain: not domain.startswith("xn--")),
)
NAMES = st.sampled_from(
    ["", "Bob ", '"Meier, Bob" ', "=?utf-8?q?eve@firma.de?= ", "(a, (b)) ", "M\u00fcller "]
)
SEPARATORS = st.sampled_from([",", ", ", "; ", ",\r\n\t", ",,", " ;,"])


def accepted(value: str | bytes) -> list[str]:
    raw = value.encode() if isinstance(value, str) else value
    return [str(element) for element in read_addresses(raw) if isinstance(element, Address)]


def defects(value: str | bytes) -> list[Defect]:
    raw = value.encode() if isinstance(value, str) else value
    return [element for element in read_addresses(raw) if isinstance(element, Defect)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bob@firma.de", ["bob@firma.de"]),
        ("<bob@firma.de>", ["bob@firma.de"]),
        ("Bob Meier <bob@firma.de>", ["bob@firma.de"]),
        ('"Meier, Bob" <bob@firma.de>', ["bob@firma.de"]),
        (r'"Bob \"the, <Builder>\"" <bob@firma.de>', ["bob@firma.de"]),
        (
            "sie@firma.de; kollege@firma.de; billg@microsoft.com",
            ["sie@firma.de", "kollege@firma.de", "billg@microsoft.com"],
        ),
        ("a@firma.de,,;b@firma.de,", ["a@firma.de", "b@firma.de"]),
        ("undisclosed-recipients:;", []),
        ("Undisclosed Recipients: ;", []),
        ("Team: a@firma.de, B <b@firma.de>; c@firma.de", ["a@firma.de", "b@firma.de", "c@firma.de"]),
        ("A: a@firma.de; B: b@firma.de;", ["a@firma.de", "b@firma.de"]),
        ("bob(Bob (the) \\) builder)@firma.de (work)", ["bob@firma.de"]),
        ("<@a.example,@b.example:bob@firma.de>", ["bob@firma.de"]),
        ("=?utf-8?q?eve@firma.de?= <bob@firma.de>", ["bob@firma.de"]),
        ("eve@firma.de <bob@firma.de>", ["bob@firma.de"]),
        ("[Vertrieb] Bob <bob@firma.de>", ["bob@firma.de"]),
        ("bob@FIRMA.de.", ["bob@firma.de"]),
        ("Bob.Meier+tag@firma.de", ["Bob.Meier+tag@firma.de"]),
        ('"bob meier"@firma.de', ['"bob meier"@firma.de']),
        ("bob@m\u00fcller.de", ["bob@xn--mller-kva.de"]),
        ("bob@M\u00dcLLER.de", ["bob@xn--mller-kva.de"]),
        ("bob@fa\u00df.de", ["bob@xn--fa-hia.de"]),
        ("m\u00fcller@firma.de", ["m\u00fcller@firma.de"]),
        ("Bob\r\n\t<bob@firma.de>,\r\n carol@firma.de", ["bob@firma.de", "carol@firma.de"]),
        ("bounce-1-bob=firma.de@list.example", ["bounce-1-bob=firma.de@list.example"]),
    ],
)
def test_a_list_gives_its_addresses(value: str, expected: list[str]) -> None:
    assert accepted(value) == expected
    assert defects(value) == []


def test_latin_1_in_a_display_name_does_no_harm() -> None:
    assert accepted(b"M\xfcller <m@firma.de>") == ["m@firma.de"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("bob", "no @ in it"),
        ("<>", "no @ in it"),
        ("Bob Meier", "no @ in it"),
        ("@firma.de", "white space or a sign"),
        ("bob@", "white space or a sign"),
        ("bob meier@firma.de", "white space or a sign"),
        ("bob.\r\n meier@firma.de", "white space or a sign"),
        ("bob@firma.de meier", "white space or a sign"),
        ("bob@firma .de", "white space or a sign"),
        ("bob@eve.de@firma.de", "white space or a sign"),
        ("<bob@eve.de>firma.de", "text after"),
        ("<eve@firma.de> <bob@firma.de>", "more than one address"),
        ("<bob@firma.de", "without its partner"),
        ("bob@firma.de>", "without its partner"),
        ("<<bob@firma.de>", "without its partner"),
        ("eve@firma.de)bob@firma.de", "without its partner"),
        ("eve@firma.de(bob@firma.de", "without its partner"),
        ('"Bob <bob@firma.de>', "without its partner"),
        ('Bob" <bob@firma.de>', "without its partner"),
        ('eve@firma.de" <bob@firma.de>', "without its partner"),
        ("bob@[192.0.2.1]", "invalid label"),
        ("bob@firma..de", "invalid label"),
        ("bob@firma.de..", "invalid label"),
        ("bob@-firma.de", "invalid label"),
        ("bob@" + "a" * 5_000 + "\u00e4", "longer than 253"),
        (".bob@firma.de", "dot-atom"),
        ("bob.@firma.de", "dot-atom"),
        ("b" * 65 + "@firma.de", "longer than 64"),
        ('"bob\0"@firma.de', "control characters"),
        ('"bob\x1b"@firma.de', "control characters"),
        ("bob\0@firma.de", "white space or a sign"),
        ("bob@firma.de\rX: y", "white space or a sign"),
        ("bob@mu\u0308ller.de", "normal form"),
        ("bob@\u2603.de", "normal form"),
        ("=?utf-8?q?bob?=@firma.de", "encoded word"),
        ("=?utf-8?q?bob=40firma.de?=", "no @ in it"),
        ("=?utf-8?q?bob@firma.de?=", "invalid label"),
        ("bob@\u212aern.de", "normal form"),
        ("bob@fir\u00adma.de", "normal form"),
        ("bob@\ufb01rma.de", "normal form"),
        ("bob@firma\u3002de", "normal form"),
        ("bob@firma.de\u00a0", "domain"),
    ],
)
def test_what_is_no_address_is_refused_with_its_reason(value: str, reason: str) -> None:
    assert accepted(value) == []
    assert len(defects(value)) == 1
    assert reason in defects(value)[0].reason


def test_bytes_that_are_no_utf_8_are_refused_in_an_address() -> None:
    assert accepted(b"m\xfcller@firma.de") == []
    assert accepted(b"bob@m\xfcller.de") == []


def test_a_defect_stays_within_its_element() -> None:
    assert accepted("a@firma.de, <b@firma.de, c@firma.de, d d@firma.de; e@firma.de") == [
        "a@firma.de", "c@firma.de", "e@firma.de",
    ]  # fmt: skip


@pytest.mark.parametrize("sign", ['"', "("])
def test_after_a_quotation_mark_that_is_never_closed_only_angle_brackets_count(sign: str) -> None:
    value = f"a@firma.de, {sign}Meier, eve@firma.de, Bob <bob@firma.de>, <carol@firma.de>"
    assert accepted(value) == ["a@firma.de", "bob@firma.de", "carol@firma.de"]
    assert [defect.text for defect in defects(value)] == [f"{sign}Meier", "eve@firma.de"]


def test_a_group_within_a_group_is_refused() -> None:
    assert accepted("Team: Sub: bob@firma.de;") == []


def test_the_text_of_a_defect_is_printable_and_short() -> None:
    text = defects(b"\x1b[31m\xff" + b"x" * 5_000)[0].text
    assert text.isprintable()
    assert len(text) < 300


def test_ten_thousand_recipients_are_all_read() -> None:
    assert len(accepted(b", ".join(b'"B, %d" <b%d@firma.de>' % (i, i) for i in range(10_000)))) == 10_000


def test_only_so_many_different_international_domains_are_looked_at() -> None:
    many = [f"a@\u00fc{number}.de" for number in range(INTERNATIONAL_LIMIT + 1)]
    found = read_addresses(", ".join([*many, "bob@firma.de", many[0]]).encode())
    reason = f"only the first {INTERNATIONAL_LIMIT} international domains were looked at"
    assert found[:INTERNATIONAL_LIMIT] == [parse_address(text) for text in many[:-1]]
    assert found[INTERNATIONAL_LIMIT:] == [
        Defect(many[-1], reason),
        Address("bob", "firma.de"),
        parse_address(many[0]),
    ]


def test_the_international_domains_of_all_values_are_counted_together() -> None:
    values = [f"a@\u00fc{number}.de".encode() for number in range(INTERNATIONAL_LIMIT + 1)]
    assert [type(each) for each in read_addresses(*values)] == [Address] * INTERNATIONAL_LIMIT + [Defect]


def test_beyond_the_limit_the_rest_is_one_defect() -> None:
    found = read_addresses(b"a@b.de," * (ADDRESS_LIMIT + 500))
    assert len(found) == ADDRESS_LIMIT + 1
    assert isinstance(found[-1], Defect)
    assert "only the first" in found[-1].reason


def test_the_limit_holds_for_all_values_together() -> None:
    found = read_addresses(b"a@b.de," * ADDRESS_LIMIT, b"eve@firma.de", b"x@y.de")
    assert len(found) == ADDRESS_LIMIT + 1
    assert found[-1] == Defect("eve@firma.de", f"only the first {ADDRESS_LIMIT} addresses were read")


def test_beyond_the_limit_of_tokens_the_rest_is_one_defect_and_nothing_cut_in_two_is_taken() -> None:
    found = read_addresses(b"bob@firma.de, ", b"carol@firma.de, " + b"( " * TOKEN_LIMIT + b"eve@firma.de")
    assert found[:2] == [Address("bob", "firma.de"), Address("carol", "firma.de")]
    assert [element.reason for element in found[2:] if isinstance(element, Defect)] == [
        "only the first 2 addresses were read"
    ]


@pytest.mark.parametrize("piece", [b"(", b"<", b"@", b"\\", b":", b"a ", b",", b'"', b"()", b"a@b.de,"])
def test_fault_40_the_tokens_looked_at_are_bounded_however_long_and_many_the_fields_are(
    piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at, limit = 0, TOKEN_LIMIT // 10

    def counting(text: str) -> Iterator[Token]:
        nonlocal looked_at
        for token in lexer.tokens(text):
            looked_at += 1
            yield token

    monkeypatch.setattr(addresses, "TOKEN_LIMIT", limit)  # a tenth: the test above reads up to the real one
    monkeypatch.setattr(addresses, "tokens", counting)
    read_addresses(*[piece * (10_000 // len(piece))] * 10)
    assert looked_at <= limit + 10


def test_a_defect_in_one_value_does_not_reach_into_the_next() -> None:
    assert read_addresses(b'"Bob, <bob@firma.de', b"carol@firma.de")[-1] == Address("carol", "firma.de")


@pytest.mark.parametrize(
    "piece", ["a@:", "a:", '"":', "a@b.de,", "a ", ":", "<a@b.de>", "a@b.de;", "a:b,", "<:", "@"]
)
def test_every_token_is_looked_at_a_fixed_number_of_times(
    piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[int] = []

    def counting(element: list[Token]) -> str:
        looked_at.append(len(element))
        return "".join(token.kind for token in element)

    monkeypatch.setattr(addresses, "_kinds", counting)
    value = piece * (10_000 // len(piece))
    read_addresses(value.encode())
    assert sum(looked_at) <= len(value)


@given(st.lists(st.tuples(NAMES, ADDRESSES, SEPARATORS), max_size=8))
def test_well_written_addresses_come_back_as_they_were_written(parts: list[tuple[str, Address, str]]) -> None:
    value = "".join(f"{name}<{address}>{separator}" for name, address, separator in parts)
    assert read_addresses(value.encode()) == [address for _, address, _ in parts]


@given(LISTS)
def test_whatever_is_accepted_stands_in_the_text_and_is_a_strict_address(value: bytes) -> None:
    for element in read_addresses(value):
        if isinstance(element, Address):
            assert parse_address(str(element)) == element
            assert element.local.encode() in value
            assert is_printable(str(element))
        else:
            assert element.reason
            assert element.text.isprintable()


def test_a_local_part_with_joiners_is_read_as_it_is_written() -> None:
    text = "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc@firma.de"
    assert read_addresses(f"Nameh <{text}>, bob@firma.de".encode()) == [
        parse_address(text),
        Address("bob", "firma.de"),
    ]


@pytest.mark.parametrize("path", corpus_mails())
def test_any_line_of_a_real_mail_gives_an_answer(path: Path) -> None:
    for line in path.read_bytes().split(b"\n"):
        for element in read_addresses(line):
            assert isinstance(element, Address | Defect)


PLAIN_PARTS = st.sampled_from(
    [
        "bob",
        "a.b",
        "a..b",
        ".a",
        "x+y",
        "-",
        "_",
        "@",
        "<",
        ">",
        " ",
        "\t",
        "h.test",
        "H.",
        "a-",
        ";",
        "x" * 70,
    ]
)


@given(value=st.lists(PLAIN_PARTS, max_size=6).map("".join), limit=st.sampled_from([64, 200]))
def test_an_address_that_stands_alone_is_read_as_among_others(value: str, limit: int) -> None:
    raw = value.encode()
    assert read_addresses(raw, local_limit=limit) == read_addresses(raw, b"", local_limit=limit)
