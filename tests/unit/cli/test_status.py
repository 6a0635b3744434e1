"""What `mailferry status` says beyond the colours of accounts and targets."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from services.cli.__main__ import main as mailferry
from shared.adapters.sql import open_store, upgrade
from shared.operations.status import ALL_UP_TO, WORST
from shared.ports.store import FactKind, Release, Schedule, TargetFact, VisitReport
from tests.fakes.configuration import ACCOUNT as ACCOUNT_IN_FILE
from tests.fakes.configuration import WHOLE
from tests.fakes.mail_lives import ACCOUNT, Lives, mail


class Status:
    """The command, by a file that does not have `ACCOUNT`."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "mailferry.toml"
        self.url = f"sqlite://{directory}/mailferry.db"
        self.path.write_text(f'[relay]\nhelo_name = "mx.example"\n[store]\nurl = "{self.url}"\n{WHOLE}')
        upgrade(self.url)

    def __call__(self, *arguments: str) -> str:
        return self.call("status", *arguments).stdout

    def call(self, *arguments: str) -> Result:
        """Run a command, on a terminal of 80 columns."""
        environ = {"MAILFERRY_CONFIG": str(self.path), "COLUMNS": "80"}
        return CliRunner(env=environ).invoke(mailferry, arguments)

    def apply(self, *accounts: str) -> None:
        """Apply the file, or one with these accounts in place of its own."""
        text = self.path.read_text()
        if accounts:
            text = text[: text.index("[[accounts]]")] + "".join(map(_account, accounts))
        self.path.write_text(text)
        assert self.call("apply").exit_code == 0

    def json(self, *arguments: str) -> dict[str, Any]:
        """Return the status as programs read it."""
        found: dict[str, Any] = json.loads(self(*arguments, "-o", "json"))
        return found

    def sentence(self, account: str) -> str:
        """Return what is said of an account."""
        (row,) = self.json(account)["accounts"]
        return str(row["sentence"])

    def unnamed(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = self.json()["unnamed"]
        return rows


def _account(name: str) -> str:
    tenant, _, box = name.partition("/")
    return ACCOUNT_IN_FILE.replace('"acme"', f'"{tenant}"').replace('"catchall"', f'"{box}"')


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
def killed(status: Status) -> None:
    """A fetcher took the account of the file long ago, and was killed."""

    async def take() -> None:
        store = open_store(status.url)
        await store.fetcher.sync_accounts([Schedule("acme/catchall", 60, enabled=True)], 10.0)
        await store.fetcher.lease_these("killed", ["acme/catchall"], 10.0, 70.0)
        await store.close()

    asyncio.run(take())
    status.apply()


@pytest.mark.usefixtures("held")
def test_mail_of_an_account_that_the_configuration_does_not_name_is_shown_with_advice(
    status: Status,
) -> None:
    shown = " ".join(status().split())
    assert "Not in the registry" in shown
    assert "not visited, and its mail is not routed" in shown
    assert f"{ACCOUNT} 1 1 0 –" in shown
    assert "name the account again until its mail is done." in shown


@pytest.mark.usefixtures("held")
def test_programs_are_told_where_that_mail_is(status: Status) -> None:
    row = {"account": ACCOUNT, "at_source": 1, "here": 1, "parked": 0, "visited_at": None}
    (told,) = status.unnamed()
    assert {name: told[name] for name in row} == row


@pytest.mark.usefixtures("parked")
def test_parked_mail_of_such_an_account_is_told_too(status: Status) -> None:
    [row] = status.unnamed()
    assert (row["at_source"], row["here"], row["parked"]) == (0, 0, 1)


def test_nothing_is_said_where_every_account_is_named(status: Status) -> None:
    status.apply()
    assert "acme/catchall" in status()
    assert "Not in the registry" not in status()
    assert status.unnamed() == []


@pytest.mark.usefixtures("killed")
def test_an_account_whose_fetcher_was_killed_long_ago_is_overdue_and_not_being_visited(
    status: Status,
) -> None:
    (row,) = json.loads(status("-o", "json"))["accounts"]
    assert "overdue for a visit" in row["sentence"]
    assert row["visited_by"] is None


@pytest.fixture
def learnt(status: Status) -> None:
    """What relays know about the target."""

    async def note() -> None:
        store, now = open_store(status.url), time.time()
        await store.relay.note_target_facts(
            [
                TargetFact("exchange", FactKind.RECIPIENTS, "10", now, now + 60),
                TargetFact("exchange", FactKind.UNVERIFIED, "It is not verified.", now, now + 60),
            ]
        )
        await store.close()

    status.apply()
    asyncio.run(note())


@pytest.mark.usefixtures("learnt")
def test_what_relays_have_learnt_about_a_target_is_shown(status: Status) -> None:
    [row] = json.loads(status("-o", "json"))["targets"]
    assert row["colour"] == "yellow"
    assert "It is not verified; takes at most 10 recipients at a time" in row["sentence"]
    assert row["facts"] == {"recipients": "10", "unverified": "It is not verified."}


async def visit(status: Status, reports: Mapping[str, VisitReport]) -> None:
    """Visit accounts that were applied."""
    store, now = open_store(status.url), time.time()
    leases = await store.fetcher.lease_these("me", [*reports], now, now + 60)
    releases = [Release(each.fence, reports[each.fence.account], now, now + 600) for each in leases]
    await store.fetcher.release_leases(releases)
    await store.close()


REFUSED = (
    "Login refused by a-very-long-host-name-which-is-one-word.mail.provider.example: "
    '"535 5.7.8 no such user or password; ask your administrator about the account"'
)


def test_the_accounts_with_problems_come_first_below_a_summary_and_no_word_is_cut(status: Status) -> None:
    status.apply("acme/anna", "acme/bob", "acme/eve", "acme/new")
    reports = {
        "acme/anna": VisitReport(),
        "acme/bob": VisitReport(problem="mail 7 was left"),
        "acme/eve": VisitReport(problem=REFUSED, failed=True, waiting=12),
    }
    asyncio.run(visit(status, reports))
    summary, _, titles, *lines = status().splitlines()
    assert summary == "4 accounts: 1 red, 1 yellow, 1 white, 1 green"
    assert titles.split()[:7] == ["State", "Account", "Last", "visit", "Waiting", "Parked", "In"]
    rows = [line.split() for line in lines if line[:1].isalpha()]
    assert [row[:2] for row in rows[:4]] == [
        ["red", "acme/eve"],
        ["yellow", "acme/bob"],
        ["white", "acme/new"],
        ["green", "acme/anna"],
    ]
    assert rows[0][4:6] == ["12", "0"]
    notes = [line for line in lines if line.startswith("        ")]
    assert all(len(line) <= 80 for line in lines)
    assert any("a-very-long-host-name-which-is-one-word.mail.provider.example:" in line for line in notes)
    assert REFUSED in " ".join(" ".join(notes).split())
    assert "        ok" not in notes


@pytest.mark.usefixtures("held")
def test_the_summary_counts_mails_in_custody(status: Status) -> None:
    status.apply("acme/bob")
    assert status().splitlines()[0] == "1 account: 1 white; 2 mails in custody"
    assert status.json()["mails"] == {"in_flight": 2, "parked": 0}
    assert status("acme/bob").splitlines()[0] == "1 account: 1 white"


@pytest.mark.usefixtures("parked")
def test_the_summary_counts_parked_recipients(status: Status) -> None:
    status.apply("acme/bob")
    assert status().splitlines()[0] == "1 account: 1 white; 1 recipient parked"


def test_accounts_are_chosen_by_name_tenant_and_failure(status: Status) -> None:
    status.apply("acme/bob", "acme/eve", "zeta/ann")
    asyncio.run(visit(status, {"acme/eve": VisitReport(problem="no route", failed=True)}))

    def listed(*arguments: str) -> tuple[list[str], int]:
        found = status.json(*arguments)
        return [each["account"] for each in found["accounts"]], found["more"]

    assert listed("acme/") == (["acme/eve", "acme/bob"], 0)
    assert listed("zeta/ann", "acme/bob") == (["acme/bob", "zeta/ann"], 0)
    assert listed("--failing") == (["acme/eve"], 0)
    assert listed("zeta/", "--failing") == ([], 0)
    assert listed("--limit", "1") == (["acme/eve"], 2)
    assert listed("acme/", "--limit", "0") == ([], 2)
    assert status.json("acme/")["summary"] == {
        "accounts": 2,
        "colours": {"red": 1, "white": 1},
        "states": {"failing": 1, "new": 1},
    }
    assert status.json("acme/")["targets"] == []
    assert len(status.json("--failing")["targets"]) == 1


def test_an_account_that_the_registry_does_not_have_is_a_usage_error(status: Status) -> None:
    status.apply()
    ended = status.call("status", "acme/nobody")
    assert (ended.exit_code, "The registry has no account acme/nobody" in ended.stderr) == (2, True)


def test_watching_is_for_people(status: Status) -> None:
    assert status.call("status", "--watch", "-o", "json").exit_code == 2


def test_of_very_many_accounts_the_worst_are_listed(status: Status) -> None:
    status.apply(*(f"acme/{number:04}" for number in range(ALL_UP_TO + 1)))
    asyncio.run(visit(status, {"acme/0150": VisitReport(problem="no route", failed=True)}))
    found = status.json()
    assert [each["account"] for each in found["accounts"][:2]] == ["acme/0150", "acme/0000"]
    assert (len(found["accounts"]), found["more"]) == (WORST, ALL_UP_TO + 1 - WORST)
    assert "201 accounts: 1 red, 200 white" in status()
    assert "… and 181 more accounts" in status()
    assert len(status.json("--limit", "500")["accounts"]) == ALL_UP_TO + 1


def test_an_account_that_left_its_file_and_one_that_is_disabled_in_it_are_told_apart(status: Status) -> None:
    status.apply("acme/bob", "acme/eve", "acme/ann")
    status.apply("acme/bob", "acme/eve")
    status.path.write_text(status.path.read_text() + "enabled = false\n")
    status.apply()
    assert status.sentence("acme/ann") == (
        f"not in {status.path} any more: not visited; what is on its way is delivered"
    )
    assert status.sentence("acme/eve") == "disabled: neither visited nor delivered"
    assert "3 accounts: 2 yellow, 1 white" in status()


@pytest.mark.usefixtures("held")
def test_an_account_that_was_removed_is_told_until_its_mail_is_done(status: Status) -> None:
    status.apply(ACCOUNT, "acme/eve")
    assert status.unnamed() == []
    status.apply("acme/eve")
    assert status.call("apply", "--prune").exit_code == 0
    assert [each["account"] for each in status.json()["accounts"]] == ["acme/eve"]
    (told,) = status.unnamed()
    assert (told["account"], told["at_source"], told["here"]) == (ACCOUNT, 1, 1)
    assert str(told["sentence"]).startswith("removed at 2")
    assert "its mail in custody is delivered first" in " ".join(status().split())


def test_a_registry_without_accounts_says_how_they_come_in(status: Status) -> None:
    assert status().startswith("0 accounts; `mailferry run` and `mailferry apply` bring in those of a file")
