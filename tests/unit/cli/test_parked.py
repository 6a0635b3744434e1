"""`mailferry parked` in bulk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.cli.__main__ import main
from shared.adapters.sql import open_store
from tests.fakes.database import write_empty_database
from tests.fakes.mail_lives import ACCOUNT, BOB, EVE, Lives

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Run the command on a database with two parked recipients: BOB of one mail and EVE of another."""
    database, config = tmp_path / "mailferry.db", tmp_path / "mailferry.toml"
    write_empty_database(database)
    config.write_text(f'store.url = "sqlite://{database}"\nblobs.url = "{(tmp_path / "blobs").as_uri()}"\n')

    async def park() -> None:
        store = open_store(f"sqlite://{database}")
        lives = Lives(store)
        await lives.lease()
        for number, address in enumerate((BOB, EVE)):
            await lives.park(await lives.routed(f"uid {number}", address), address)
        await store.close()

    asyncio.run(park())

    def run(*arguments: str, code: int = 0, answer: str = "") -> Result:
        result = CliRunner().invoke(
            main, ["parked", arguments[0], "-c", str(config), *arguments[1:]], input=answer
        )
        assert result.exit_code == code, result.output
        return result

    return run


def test_what_is_parked_is_chosen_by_options(call: Call) -> None:
    assert call("list", "--account", ACCOUNT, "--code", "550").stdout.count("corp.example") == 2
    assert call("list", "--account", "acme/other").stdout == "Nothing of that is parked.\n"
    assert call("list", "--older-than", "1d").stdout.count("corp.example") == 2
    assert "a duration" in call("list", "--older-than", "soon", code=2).stderr


def test_all_that_is_chosen_is_delivered_again(call: Call) -> None:
    assert call("retry", "--tenant", "acme", "--dry-run").stdout == (
        "2 parked recipients would be delivered again\n"
    )
    assert call("retry", "--code", "4", "--dry-run").stdout.startswith("0 ")
    assert call("retry", "--tenant", "acme").stdout == "2 recipients to be delivered again\n"
    assert call("list").stdout == "Nothing is parked.\n"


def test_giving_up_in_bulk_asks_with_the_number(call: Call) -> None:
    refused = call("discard", "--all", code=1, answer="n\n")
    assert "Give up 2 parked recipients?" in refused.output
    assert call("discard", "--all", "--yes").stdout == "2 recipients discarded\n"


@pytest.mark.parametrize("words", [[], ["m1", "--all"], ["--all", "--recipient", BOB]])
def test_it_has_to_be_clear_what_is_meant(call: Call, words: list[str]) -> None:
    assert "ID" in call("discard", *words, code=2).stderr


def test_a_list_fits_into_80_columns_and_shows_whole_ids_and_why(call: Call) -> None:
    lines = call("list").stdout.splitlines()
    assert lines[0].split() == ["ID", "Parked", "at", "Size", "Recipient"]
    assert lines[2].strip() == "said so"
    first = lines[1].split()[0]
    shown = call("show", first, "-o", "json")
    assert json.loads(shown.stdout)["message"] == first
    assert "there is no blob" in shown.stderr
    assert call("show", "nonsense", code=1).stderr.startswith("mailferry: no mail with the id nonsense")
