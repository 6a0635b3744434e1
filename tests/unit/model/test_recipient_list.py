from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.address import Address, parse_address
from shared.model.recipient_list import BrokenRecipientList, RecipientList, read_recipient_list

NO_LOCAL_PART = "local part is neither a dot-atom nor a quoted string"


def listed(text: str) -> RecipientList:
    return read_recipient_list(text.encode("utf-8", "surrogateescape"), "acme.txt")


def problems(text: str) -> list[str]:
    with pytest.raises(BrokenRecipientList) as raised:
        listed(text)
    return raised.value.problems


def has(text: str, address: str) -> bool:
    return listed(text).has(parse_address(address))


def test_an_address_exists_if_it_is_listed_in_whatever_case() -> None:
    assert has("Bob@ACME.com", "bob@acme.COM")
    assert not has("bob@acme.com", "bob@acme.net")
    assert not has("bob@acme.com", "bobby@acme.com")


def test_an_asterisk_stands_for_any_run_of_characters() -> None:
    assert has("*@acme.com", "anybody@acme.com")
    assert has("sales-*@acme.com", "sales-emea@acme.com")
    assert has("sales-*@acme.com", "sales-@acme.com")
    assert not has("sales-*@acme.com", "sales@acme.com")
    assert not has("*@acme.com", "anybody@sub.acme.com")


def test_one_character_is_not_both_the_beginning_and_the_end() -> None:
    assert not has("ab*ba@acme.com", "aba@acme.com")
    assert has("ab*ba@acme.com", "abba@acme.com")


def test_comments_empty_lines_and_the_signs_of_windows_are_passed_over() -> None:
    text = "\ufeff# everybody at acme\r\n\r\nbob@acme.com   # the boss\r\n  a#b@acme.com\r\n"
    assert has(text, "bob@acme.com")
    assert has(text, "a#b@acme.com")


def test_a_list_written_by_powershell_is_read() -> None:
    listed = read_recipient_list("bob@acme.com\r\nanna@acme.com\r\n".encode("utf-16"), "acme.txt")
    assert {str(each) for each in listed.addresses} == {"bob@acme.com", "anna@acme.com"}


def test_a_list_cut_in_the_middle_of_a_character_is_reported() -> None:
    with pytest.raises(BrokenRecipientList, match=r"acme\.txt: it is not text"):
        read_recipient_list(b"\xff\xfea", "acme.txt")


def test_each_defective_line_is_named_with_its_file_and_number() -> None:
    assert problems("bob@acme.com\nbob\n# fine\nx@*.acme.com\n\udcff@acme.com\n") == [
        'acme.txt:2: "bob" is no address or pattern: no @ in it',
        'acme.txt:4: "x@*.acme.com" is no address or pattern: domain has an invalid label',
        'acme.txt:5: "\\udcff@acme.com" is no address or pattern: ' + NO_LOCAL_PART,
    ]


def test_of_very_many_defective_lines_the_first_are_named() -> None:
    found = problems("nonsense\n" * 10_000)
    assert len(found) == 21
    assert found[-1] == "and 9980 more lines like these"


@pytest.mark.parametrize("text", ["", "\n\n", "# nobody yet\n"])
def test_a_list_without_an_address_is_taken_for_half_written(text: str) -> None:
    assert problems(text) == ["acme.txt: there is no address in it"]


LOCALS = st.text("ab*", min_size=1, max_size=8)


@given(LOCALS, st.text("ab", min_size=1, max_size=10))
def test_patterns_fit_as_shell_patterns_do(pattern: str, local: str) -> None:
    expected = re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), local) is not None
    assert listed(f"{pattern}@acme.com").has(Address(local, "acme.com")) is expected


@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_or_have_a_problem_that_names_the_file(raw: bytes) -> None:
    found: list[str] = []
    try:
        read_recipient_list(raw, "acme.txt")
    except BrokenRecipientList as broken:
        found = broken.problems
    assert all(each.startswith(("acme.txt:", "and ")) for each in found)


def test_a_pattern_made_to_take_long_does_not() -> None:
    assert not has("*a" * 30 + "b@acme.com", "a" * 64 + "@acme.com")
