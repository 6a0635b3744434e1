"""The reference page of the API is that of the API."""

from __future__ import annotations

from services.control.reference import api_reference
from tests.fakes.command import REPOSITORY

PAGE = REPOSITORY / "docs" / "reference" / "api.md"


def test_the_page_is_that_of_the_api() -> None:
    assert PAGE.read_text() == api_reference(), "run `make reference`"


def test_a_request_is_there_with_its_permission_and_what_it_takes() -> None:
    [row] = [each for each in api_reference().split("\n") if "`POST /webhooks`" in each]
    assert "`webhooks.write`" in row
    assert "`url`\\*, `events`\\*, `tenant`" in row
