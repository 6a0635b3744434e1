"""The field in which delivered mail names its source folder is valid whatever the folder is called."""

from __future__ import annotations

import re
import unicodedata
from email.header import decode_header, make_header

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.model.folder_field import (
    LONGEST_FIELD_NAME,
    LONGEST_FOLDER,
    LONGEST_LINE,
    TAKEN,
    TAKEN_BEGINNINGS,
    UnusableFieldName,
    folder_field,
    folder_field_name,
)

NAME = "X-Source-Folder"
FIELD_NAMES = st.from_regex(r"X-[A-Za-z0-9-]{0,47}[a-z]", fullmatch=True)
FOLDERS = st.text(st.characters(), max_size=80) | st.text(max_size=2 * LONGEST_FOLDER)


def value_of(field: bytes, name: str = NAME) -> str:
    """The value as a reader of mail decodes it."""
    return str(
        make_header(decode_header(field.decode("ascii").removeprefix(f"{name}: ").removesuffix("\r\n")))
    )


def without_controls(folder: str) -> str:
    controls = ("Cc", "Cs", "Zl", "Zp")
    return "".join("?" if unicodedata.category(each) in controls else each for each in folder)


@given(FIELD_NAMES, FOLDERS)
@example(NAME, "a\r\nBcc: eve@evil.example")
@example(NAME, "=?utf-8?q?Sales?=")
@example("X" * LONGEST_FIELD_NAME, "\U0001f4ec" * 40)
def test_any_name_of_a_folder_gives_one_valid_field_that_is_read_as_that_name(name: str, folder: str) -> None:
    field = folder_field(name, folder)
    first, *more = field.removesuffix(b"\r\n").split(b"\r\n")
    assert field.endswith(b"\r\n")
    assert first.startswith(f"{name}: ".encode())
    assert all(each.startswith(b" ") and each.strip() for each in more)
    assert all(len(each) <= LONGEST_LINE for each in (first, *more))
    assert re.fullmatch(rb"[ -~]+", b"".join((first, *more)))
    assert all(len(word) <= 75 for word in field.split())
    assert value_of(field, name) == (without_controls(folder)[:LONGEST_FOLDER] or "?")


def test_a_plain_name_is_written_as_it_is() -> None:
    assert folder_field(NAME, "Info/Web shop") == b"X-Source-Folder: Info/Web shop\r\n"


def test_another_name_becomes_an_encoded_word() -> None:
    field = folder_field(NAME, "Entw\u00fcrfe")
    assert field == b"X-Source-Folder: =?utf-8?b?RW50d8O8cmZl?=\r\n"
    assert value_of(field) == "Entw\u00fcrfe"


@pytest.mark.parametrize("folder", [" a", "a ", "a  b", "=?x?q?y?=", "a" * 100])
def test_what_a_reader_would_take_for_something_else_is_encoded(folder: str) -> None:
    field = folder_field(NAME, folder)
    assert b"=?utf-8?b?" in field
    assert value_of(field) == folder


@pytest.mark.parametrize(
    "name", ["X-Source-Folder", "Mailferry-Folder", "x_folder", "F" * LONGEST_FIELD_NAME]
)
def test_the_field_can_be_called_otherwise(name: str) -> None:
    assert folder_field_name(name) == name


@pytest.mark.parametrize("name", ["", "X Folder", "X-Folder:", "X-F\u00fc", "X\r\nBcc", "-", "X-", "F" * 51])
def test_what_is_no_name_of_a_field_is_refused(name: str) -> None:
    with pytest.raises(UnusableFieldName, match="expected the name of a header field"):
        folder_field_name(name)


@pytest.mark.parametrize(
    "name",
    ["From", "TO", "Received", "return-path", "X-Original-To", "DKIM-Signature", "List-Id", "X-Mailferry-ID"],
)
def test_fields_that_matter_for_delivery_are_refused(name: str) -> None:
    with pytest.raises(UnusableFieldName, match="has a meaning of its own in mail"):
        folder_field_name(name)


def test_refused_names_are_in_lower_case_as_they_are_compared() -> None:
    assert all(each == each.lower() for each in (*TAKEN, *TAKEN_BEGINNINGS))
