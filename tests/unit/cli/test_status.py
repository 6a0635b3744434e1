"""What `mailferry status` says beyond the colours of accounts and targets."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.cli.__main__ import main as mailferry
from shared.adapters.sql import open_store, upgrade
from shared.ports.store import FactKind, Schedule, TargetFact
from tests.fakes.configuration import WHOLE
from tests.fakes.mail_lives import ACCOUNT, Lives, mail


class Status:
    """The command, by a configuration that does not name `ACCOUNT`."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "mailferry.toml"
        self.url = f"sqlite://{directory}/mailferry.db"
        self.path.write_text(f'[relay]\nhelo_name = "mx.example"\n[store]\nurl = "{self.url}"\n{WHOLE}')
        upgrade(self.url)

    def __call__(self, *arguments: str) -> str:
        environ = {"MAILFERRY_CONFIG": str(self.path)}
        return CliRunner(env=environ).invoke(mailferry, ["status", *arguments]).stdout

    def unnamed(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = json.loads(self("-o", "json"))["unnamed"]
        return rows


@pytest.fixture
def status(tmp_path: Path) -> Status:
    return Status(tmp_path)


@pytest.fixture
async def held(status: Status) -> None:
    """Two mails of `ACCOUNT`, one of them in a blob alone."""
    store = open_store(status.url)
    lives = Lives(store)
    await lives.lease()
    await lives.fetched("uid 1")
    await lives.fetch(mail("uid 2", blob="blob")._replace(spooled=True))
    await store.close()


@pytest.fixture
async def parked(status: Status) -> None:
    """A parked mail of `ACCOUNT`."""
    store = open_store(status.url)
    lives = Lives(store)
    await lives.lease()
    await lives.park(await lives.routed("uid 1"))
    await store.close()


@pytest.fixture
async def killed(status: Status) -> None:
    """A fetcher took the configured account long ago, and was killed."""
    store = open_store(status.url)
    await store.fetcher.sync_accounts([Schedule("acme/catchall", 60, enabled=True)], 10.0)
    await store.fetcher.lease_these("killed", ["acme/catchall"], 10.0, 70.0)
    await store.close()


@pytest.mark.usefixtures("held")
def test_mail_of_an_account_that_the_configuration_does_not_name_is_shown_with_advice(
    status: Status,
) -> None:
    shown = " ".join(status().split())
    assert "Not in the configuration" in shown
    assert f"{ACCOUNT} 1 1 0 –" in shown
    assert "Name an account in the configuration again until its mail is done." in shown


@pytest.mark.usefixtures("held")
def test_programs_are_told_where_that_mail_is(status: Status) -> None:
    row = {"account": ACCOUNT, "at_source": 1, "here": 1, "parked": 0, "visited_at": None}
    assert status.unnamed() == [row]


@pytest.mark.usefixtures("parked")
def test_parked_mail_of_such_an_account_is_told_too(status: Status) -> None:
    [row] = status.unnamed()
    assert (row["at_source"], row["here"], row["parked"]) == (0, 0, 1)


def test_nothing_is_said_where_every_account_is_named(status: Status) -> None:
    assert "acme/catchall" in status()
    assert "Not in the configuration" not in status()
    assert status.unnamed() == []


@pytest.mark.usefixtures("killed")
def test_an_account_whose_fetcher_was_killed_long_ago_is_overdue_and_not_being_visited(
    status: Status,
) -> None:
    (row,) = json.loads(status("-o", "json"))["accounts"]
    assert "overdue for a visit" in row["sentence"]
    assert row["visited_by"] is None


@pytest.fixture
async def learnt(status: Status) -> None:
    """What relays know about the target."""
    store, now = open_store(status.url), time.time()
    await store.relay.note_target_facts(
        [
            TargetFact("exchange", FactKind.RECIPIENTS, "10", now, now + 60),
            TargetFact("exchange", FactKind.UNVERIFIED, "It is not verified.", now, now + 60),
        ]
    )
    await store.close()


@pytest.mark.usefixtures("learnt")
def test_what_relays_have_learnt_about_a_target_is_shown(status: Status) -> None:
    [row] = json.loads(status("-o", "json"))["targets"]
    assert row["colour"] == "yellow"
    assert "It is not verified; takes at most 10 recipients at a time" in row["sentence"]
    assert row["facts"] == {"recipients": "10", "unverified": "It is not verified."}
