from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.header.addresses import Defect, ParsingBudget, read_addresses
from services.router.header.lenient import LenientReader
from shared.model.address import Address, parse_address
from tests.fakes.mails import corpus_mails


def read(value: str | bytes) -> list[Address | Defect]:
    raw = value if isinstance(value, bytes) else value.encode()
    budget = ParsingBudget()
    reader = LenientReader(lambda address: address.domain == "firma.de", budget)
    return read_addresses(raw, new_budget=lambda: budget, lenient=reader.read)


def found(value: str | bytes) -> list[str]:
    return [str(each) for each in read(value) if isinstance(each, Address)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"bob@firma.de"', ["bob@firma.de"]),
        ("'bob@firma.de'", ["bob@firma.de"]),
        ("\u201cbob@firma.de\u201d", ["bob@firma.de"]),
        ("\u00bbbob@firma.de\u00ab, carol@firma.de", ["bob@firma.de", "carol@firma.de"]),
        ("<'bob@firma.de'>", ["bob@firma.de"]),
        ('<"bob@firma.de">', ["bob@firma.de"]),
        ('Bob "bob@firma.de"', ["bob@firma.de"]),
        ('"bob@firma.de, carol@firma.de"', ["bob@firma.de", "carol@firma.de"]),
        ('"Bob <bob@firma.de>"', ["bob@firma.de"]),
        ("mailto:bob@firma.de", ["bob@firma.de"]),
        ("<mailto:bob@firma.de>", ["bob@firma.de"]),
        ('"mailto:bob@firma.de"', ["bob@firma.de"]),
        ("bob@firma.de <mailto:bob@firma.de>", ["bob@firma.de"]),
        ("Bob [mailto:bob@firma.de]", ["bob@firma.de"]),
        ("<mailto:bob@firma.de?subject=Hello>", ["bob@firma.de"]),
        ("Team: mailto:bob@firma.de;", ["bob@firma.de"]),
        ("bob@firma.de (Bob Meier", ["bob@firma.de"]),
        ("bob@firma.de (Bob Meier, carol@firma.de", ["bob@firma.de", "carol@firma.de"]),
        ("Bob (Sales <bob@firma.de>, carol@firma.de", ["bob@firma.de", "carol@firma.de"]),
        ('"Bob <bob@firma.de>, carol@firma.de', ["bob@firma.de", "carol@firma.de"]),
        ('"Meier, Bob <bob@firma.de>, carol@firma.de', ["bob@firma.de", "carol@firma.de"]),
        ('"Bob bob@firma.de', ["bob@firma.de"]),
        ('Bob" <bob@firma.de>', ["bob@firma.de"]),
        ('"bob@firma.de, carol@firma.de', ["bob@firma.de", "carol@firma.de"]),
        ("Bob Meier bob@firma.de", ["bob@firma.de"]),
        ('"Meier, Bob" bob@firma.de', ["bob@firma.de"]),
        ("bob@firma.de Bob Meier", ["bob@firma.de"]),
        ("Bob Meier bob@firma.de; Carol carol@firma.de", ["bob@firma.de", "carol@firma.de"]),
        ("Bob <bob@firma.de", ["bob@firma.de"]),
        ("Bob bob@firma.de>", ["bob@firma.de"]),
        ("<<bob@firma.de>>", ["bob@firma.de"]),
        ("bob@firma.de bob@FIRMA.de", ["bob@firma.de"]),
        ("Team: Sub: bob@firma.de, carol@firma.de;;", ["bob@firma.de", "carol@firma.de"]),
        ("Team: Sub: Bob <bob@firma.de>;;", ["bob@firma.de"]),
        ("Team: Sub:bob@firma.de;;", ["bob@firma.de"]),
        ("=?utf-8?q?bob=40firma.de?=", ["bob@firma.de"]),
        ("=?utf-8?q?bob@firma.de?=", ["bob@firma.de"]),
        ("=?utf-8?b?Ym9iQGZpcm1hLmRl?=", ["bob@firma.de"]),
        ("<=?utf-8?q?bob=40firma.de?=>", ["bob@firma.de"]),
        ('"=?utf-8?q?bob=40firma.de?="', ["bob@firma.de"]),
        ("=?utf-8?q?B=C3=B6b_=3Cbob=40firma.de=3E?=", ["bob@firma.de"]),
        ("=?utf-8?q?Bob_<bob@firma.de>?=", ["bob@firma.de"]),
        ("=?utf-8?q?Meier,_Bob_<bob@firma.de>?=", ["bob@firma.de"]),
        ("=?utf-8?q?bob=40?=\r\n =?utf-8?q?firma.de?=", ["bob@firma.de"]),
        ("=?utf-8?q?bob=40firma.de=2C_carol=40firma.de?=", ["bob@firma.de", "carol@firma.de"]),
        ("=?utf-8?q?B=C3=B6b?= bob@firma.de", ["bob@firma.de"]),
    ],
)
def test_what_people_write_is_read(value: str, expected: list[str]) -> None:
    assert found(value) == expected
    assert [each for each in read(value) if isinstance(each, Defect) and "@" in each.text] == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("eve@firma.de <bob@firma.de>", ["bob@firma.de"]),
        ("eve@firma.de <bob@firma..de>", []),
        ("eve@firma.de <bob@other.example", []),
        ('"eve@firma.de" <bob@other.example>', ["bob@other.example"]),
        ('"eve@firma.de" <>', []),
        ('"eve@firma.de" <bob>', []),
        ('"eve@firma.de" bob', []),
        ('"eve@firma.de" bob@other.example', []),
        ('"eve@firma.de" bob@firma..de', []),
        ("=?utf-8?q?eve=40firma.de?= bob@other.example", []),
        ("=?utf-8?q?eve@firma.de?= <bob@firma..de>", []),
        ("=?utf-8?q?eve=40firma.de?= <bob@firma.de", ["bob@firma.de"]),
        ('"=?utf-8?q?eve=40firma.de?=" <bob@firma.de', ["bob@firma.de"]),
        ('"eve@firma.de, Bob <bob@firma.de>', ["bob@firma.de"]),
        ('"Meier, eve@firma.de, Bob <bob@firma.de>', ["bob@firma.de"]),
        ("(Meier, eve@firma.de, Bob <bob@firma.de>", ["bob@firma.de"]),
        ("bob@firma.de (eve@firma.de", ["bob@firma.de"]),
        ("(eve@firma.de) bob meier", []),
        ("(eve@firma.de", []),
        ("eve@firma.de bob@firma.de", []),
        ("<eve@firma.de> <bob@firma.de>", []),
        ("eve@firma.de (Bob <bob@firma.de>", []),
        ("bob . meier@firma.de", []),
        ("bob. meier@firma.de", []),
        ("bob.\r\n meier@firma.de", []),
        ("bob@firma .de", []),
        ("bob@firma.de .com", []),
        ("bob@eve.de@firma.de", []),
        ("=?utf-8?q?bob?=@firma.de", []),
        ("=?nonsense?q?bob=40firma.de?=", []),
        ("=?utf-8?b?Ym9i_QGZp?=", []),
        ("=?utf-8?q?bob=40firma.de=0D=0Aeve=40firma.de?=", []),
        ("Bob bob@other.example", []),
        ('"bob@other.example"', []),
    ],
)
def test_no_address_is_taken_from_a_name_nor_where_there_is_a_choice(value: str, expected: list[str]) -> None:
    assert found(value) == expected


def test_what_cannot_be_read_beside_what_can_stays_a_defect() -> None:
    assert [type(each) for each in read('"bob@firma.de, carol@firma..de"')] == [Address, Defect]


NAMES = st.text(alphabet="abc \"'(),;:<>@.\\=?_\u00e9eve@firma.de", max_size=25)


@given(NAMES.filter(lambda name: '"' not in name and "\\" not in name))
def test_no_address_in_a_quoted_display_name_is_ever_taken(name: str) -> None:
    for address in ("<bob@firma.de>", "bob@firma.de", "<bob@firma.de", "<bob@other.example>", "bob@x..de"):
        assert set(found(f'"{name} eve@firma.de" {address}')) <= {"bob@firma.de", "bob@other.example"}


PIECES = st.sampled_from(
    [
        *(
            "bob@firma.de",
            "eve",
            "@",
            "firma.de",
            " ",
            ",",
            ";",
            ":",
            "<",
            ">",
            '"',
            "(",
            ")",
            "\\",
            "[",
            "]",
        ),
        *(".", "mailto:", "'", "=?utf-8?q?x=40firma.de?=", "=?", "?=", "\u201c", "\r\n "),
    ]
)


@given(st.lists(PIECES, max_size=25).map("".join) | st.binary(max_size=30))
def test_lenient_reading_only_adds_addresses_of_accepted_domains(value: str | bytes) -> None:
    raw = value if isinstance(value, bytes) else value.encode()
    strict = {each for each in read_addresses(raw) if isinstance(each, Address)}
    lenient = {each for each in read(raw) if isinstance(each, Address)}
    assert strict <= lenient
    assert all(each.domain == "firma.de" for each in lenient - strict)
    assert all(parse_address(str(each)) == each for each in lenient)


@pytest.mark.parametrize("piece", ['"', "(", "<", "=?a?q?", "=?a?q?b?= ", '"a@firma.de" ', "a@b ", ":"])
def test_hostile_elements_are_read_in_time_that_grows_with_their_length(piece: str) -> None:
    """A reading that took time in proportion to the square of the length would not end here."""
    read(piece * (100_000 // len(piece)))


@pytest.mark.parametrize("path", corpus_mails())
def test_any_line_of_a_real_mail_gives_an_answer(path: Path) -> None:
    for line in path.read_bytes().split(b"\n"):
        read(line)
