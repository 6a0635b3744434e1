"""Every form is read, whatever the octets are."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.importing.checking import checked
from shared.importing.formats import FORMATS
from shared.importing.result import Choices, UnreadableImport
from shared.importing.toml import as_toml
from tests.fakes.imports import read_or_refused

BEGINNINGS = {
    "csv": "name;source;username;password;recipient\n",
    "fetchmailrc": "poll h proto pop3 ",
    "getmailrc": "[retriever]\ntype = SimplePOP3Retriever\n",
    "mailcow": '{"host1": "x", "user1": ',
    "imapsync-csv": "h;",
}


@pytest.mark.parametrize("form", sorted(FORMATS))
@given(content=st.binary() | st.text().map(str.encode))
def test_any_octets_give_rows_or_the_error_of_an_import(form: str, content: bytes) -> None:
    for beginning in (b"", BEGINNINGS[form].encode()):
        octets = beginning + content
        found = read_or_refused(partial(FORMATS[form].read, octets, Choices(target="here")))
        if isinstance(found, UnreadableImport):
            assert found.line >= 1
        else:
            as_toml(checked(found.rows, Path("/")))
