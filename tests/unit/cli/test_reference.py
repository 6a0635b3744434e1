"""The reference page of the command is that of the commands, and shows texts as they are."""

from __future__ import annotations

import click
import pytest

from services.cli.__main__ import main as mailferry
from services.cli.reference import command_reference
from tests.fakes.command import REPOSITORY

PAGE = REPOSITORY / "docs" / "reference" / "commands.md"


def test_the_page_is_that_of_the_commands() -> None:
    assert PAGE.read_text() == command_reference(mailferry), "run `make reference`"


def test_text_that_markdown_would_read_as_markup_is_shown_as_it_is() -> None:
    @click.command("take")
    @click.option("--keep", help="Keep <this> | *that*, not `a_b*c`.")
    def take(keep: str) -> None:
        """Take snake_case and [brackets]."""

    page = command_reference(take)
    assert r"Keep \<this> \| \*that\*, not `a_b*c`." in page
    assert r"Take snake\_case and \[brackets]." in page


@pytest.mark.parametrize("name", ["once", "account add", "db upgrade"])
def test_a_command_is_found_by_its_heading(name: str) -> None:
    assert f"\n## mailferry {name}\n" in command_reference(mailferry)
