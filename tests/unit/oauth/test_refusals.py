"""The table in docs/oauth-errors.md and what Mailferry says are the same, in both directions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from shared.model.oauth import Flow
from shared.oauth.answers import Answer, Refreshed, meaning, unreachable
from shared.oauth.refusals import CODES, NUMBERS, Cause
from shared.oauth.schedule import state_after
from tests.fakes.command import REPOSITORY

PAGE = (REPOSITORY / "docs" / "oauth-errors.md").read_text()
EVERY, WITHOUT_OWNER, _ = (part.split("\n\n", 1)[1] for part in PAGE.split("\n## ")[1:])
CODE, NUMBER, WORDS = re.compile(r"`([^`]+)`"), re.compile(r"\b\d{4,8}\b"), re.compile(r'"([^"]+)"')


class Row(NamedTuple):
    """A row of a table: what the server answers, and what is said about it."""

    answer: str
    state: str
    sentence: str

    @property
    def codes(self) -> list[str]:
        return CODE.findall(self.answer)

    @property
    def numbers(self) -> list[str]:
        return NUMBER.findall(self.answer.partition("; AADSTS ")[2] or self.answer.partition("AADSTS ")[2])


def rows(section: str) -> Iterator[Row]:
    for line in section.splitlines():
        cells = [each.strip() for each in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0] != "Answer" and not cells[0].startswith("---"):
            yield Row(*cells[:3])


def refused(code: str, words: str = "", flow: Flow = Flow.USER) -> tuple[str, str]:
    """Return the state and the sentence that follow from an error."""
    body = json.dumps({"error": code, "error_description": words}).encode()
    found = meaning(Answer(400, body), flow)
    assert not isinstance(found, Refreshed)
    return state_after(found).value, found.sentence


ANY_ANSWER, *REFUSALS = rows(EVERY)
OTHERS = [*rows(WITHOUT_OWNER)]
BY_CODE = [(code, row) for row in REFUSALS for code in row.codes if code != "mailferry oauth connect"]
BY_NUMBER = [(number, row) for row in REFUSALS for number in row.numbers]


@pytest.mark.parametrize(("code", "row"), BY_CODE)
def test_a_code_has_the_state_and_the_sentence_of_its_row(code: str, row: Row) -> None:
    state, sentence = refused(code, "The server's own words")
    assert state == row.state
    assert row.sentence.startswith(sentence.partition(" (")[0])
    assert code in sentence
    assert "The server's own words" in sentence


@pytest.mark.parametrize(("number", "row"), BY_NUMBER)
@pytest.mark.parametrize("code", ["invalid_grant", "interaction_required", "invalid_client"])
def test_a_number_of_microsoft_counts_more_than_the_code(number: str, row: Row, code: str) -> None:
    state, sentence = refused(code, f"AADSTS{number}: Some words. Trace ID: 0f")
    assert state == row.state
    assert row.sentence.startswith(sentence.partition(" (")[0])
    assert f"AADSTS{number}" in sentence


def test_the_page_names_every_code_and_number_that_is_known() -> None:
    assert {code for code, _ in BY_CODE} == set(CODES)
    assert {number for number, _ in BY_NUMBER} == set(NUMBERS)
    assert all(any(cause.value in row.sentence for row in [*REFUSALS, *OTHERS]) for cause in Cause)


@pytest.mark.parametrize("row", OTHERS, ids=lambda row: row.answer)
def test_where_no_owner_signs_in_somebody_else_is_named(row: Row) -> None:
    words = " ".join(WORDS.findall(row.answer))
    for code in row.codes:
        state, sentence = refused(code, words, Flow.SERVICE_ACCOUNT)
        assert state == row.state
        assert row.sentence.startswith(sentence.partition(" (")[0])
        if row.state == "needs admin" and code != "unauthorized_client":
            assert refused(code, words, Flow.CLIENT_CREDENTIALS) == (state, sentence)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_an_outage_is_nobodys_fault(status: int) -> None:
    for found in (meaning(Answer(status, b"<html>")), meaning(Answer(200, b"<html>")), unreachable("why")):
        assert not isinstance(found, Refreshed)
        assert state_after(found).value == ANY_ANSWER.state
        assert "asked again later" in found.sentence
        assert "password" not in found.sentence
