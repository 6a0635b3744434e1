"""`mailferry lost`, on a terminal of 80 columns."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from click.testing import CliRunner

from services.cli.__main__ import main as mailferry
from shared.adapters.sql import open_store
from tests.fakes.database import write_empty_database
from tests.fakes.mail_lives import ACCOUNT, BOB, Lives


def test_a_lost_mail_is_shown_whole_within_80_columns(tmp_path: Path) -> None:
    database, config = tmp_path / "mailferry.db", tmp_path / "mailferry.toml"
    write_empty_database(database)
    config.write_text(f'store.url = "sqlite://{database}"\nblobs.url = "{(tmp_path / "blobs").as_uri()}"\n')

    async def lose() -> str:
        store = open_store(f"sqlite://{database}")
        lives = Lives(store)
        await lives.lease()
        message = await lives.routed("uid 1", BOB)
        await store.fetcher.record_gone(lives.fence, {message: "not listed"}, lives.now)
        await store.close()
        return message

    message = asyncio.run(lose())
    runner = CliRunner(env={"MAILFERRY_CONFIG": str(config), "COLUMNS": "80"})
    titles, row, *notes = runner.invoke(mailferry, ["lost"]).stdout.splitlines()
    assert titles.split() == ["ID", "Gone", "since", "Account", "UID"]
    assert row.split()[0] == message
    assert ACCOUNT in row
    assert f"not delivered to {BOB}" in " ".join(" ".join(notes).split())
    assert all(len(line) <= 80 for line in (titles, row, *notes))
    (found,) = json.loads(runner.invoke(mailferry, ["lost", "-o", "json"]).stdout)
    assert (found["message"], found["gone_at"][-6:]) == (message, "+00:00")
