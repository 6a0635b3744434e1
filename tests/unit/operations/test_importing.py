"""Importing accounts: the plan, and what is saved in which order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from shared.adapters.sql import open_store
from shared.adapters.sql.store import SqlStore
from shared.importing.result import Choices, ImportedRow
from shared.model.errors import ConfigurationError
from shared.operations.importing import Plan, SaveResult, SaveStatus, plan_import, save
from shared.ports.store import OperatorStore, Release, Schedule, VisitReport
from tests.fakes.database import write_empty_database

OURS = Choices(target="here")
RC = """
poll pop.isp.example proto pop3
  user joe pass p is joe@corp.example here keep ssl
  user ann pass q is ann@corp.example here keep ssl
  user zoe pass r is zoe@corp.example here ssl
  user bad pass s is bad ssl
"""
IDS = "joe@pop.isp.example one\njoe@pop.isp.example two\njoe@pop.isp.example two\n"
JOE, ANN, ZOE, BAD = (f"default/{name}-pop.isp.example" for name in ("joe", "ann", "zoe", "bad"))


class Saver:
    """Remembers what it was to save, and what the store knew by then."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.saved: list[str] = []
        self.skipped: dict[str, int] = {}

    async def save_accounts(self, rows: Sequence[ImportedRow]) -> Sequence[SaveResult]:
        self.skipped = dict(await self.store.operator.skipped_counts())
        found = [each.account_id for each in rows]
        results = [
            SaveResult(each, SaveStatus.UNCHANGED if each in self.saved else SaveStatus.ADDED)
            for each in found
        ]
        self.saved += found
        return results


@pytest.fixture
def rc(tmp_path: Path) -> Path:
    path = tmp_path / "fetchmailrc"
    path.write_text(RC, "utf-8")
    return path


@pytest.fixture
def ids(tmp_path: Path) -> Path:
    path = tmp_path / ".fetchids"
    path.write_text(IDS, "utf-8")
    return path


@pytest.fixture
def store(tmp_path: Path) -> SqlStore:
    write_empty_database(tmp_path / "mailferry.db")
    return open_store(f"sqlite://{tmp_path}/mailferry.db")


def rows_of(plan: Plan) -> dict[str, ImportedRow]:
    return {each.account_id: each for each in plan.rows}


def test_without_a_state_kept_mail_asks_from_when_on_it_is_delivered(rc: Path) -> None:
    plan = plan_import(rc, "fetchmailrc", OURS)
    assert [each.account_id for each in plan.usable] == [ZOE]


def test_with_a_state_an_account_begins_with_now_and_knows_its_mails(rc: Path, ids: Path) -> None:
    plan = plan_import(rc, "fetchmailrc", OURS, [ids])
    rows = rows_of(plan)
    assert [each.uid for each in plan.known[JOE]] == ["one", "two"]
    assert (rows[JOE].account["begin"], rows[JOE].is_usable) == ("now", True)
    assert "begin" not in rows[ZOE].account
    assert rows[ZOE].is_usable


def test_a_kept_account_that_the_state_does_not_know_is_not_guessed(rc: Path, ids: Path) -> None:
    ann = rows_of(plan_import(rc, "fetchmailrc", OURS, [ids]))[ANN]
    assert [each.option for each in ann.findings if each.blocks] == ["--state"]
    choices = Choices(target="here", begin="2026-11-01")
    ann = rows_of(plan_import(rc, "fetchmailrc", choices, [ids]))[ANN]
    assert (ann.account["begin"], ann.is_usable) == ("2026-11-01", True)


def test_findings_about_a_state_name_its_file(rc: Path, ids: Path) -> None:
    ids.write_text("eve@elsewhere.example x\n", "utf-8")
    [finding] = plan_import(rc, "fetchmailrc", OURS, [ids]).findings
    assert finding.option == ".fetchids: eve@elsewhere.example"


def test_a_file_that_cannot_be_read_or_is_of_another_form_is_refused(rc: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing: cannot be read"):
        plan_import(tmp_path / "missing", "csv", OURS)
    with pytest.raises(ConfigurationError, match=r"fetchmailrc: line 1: this is no JSON|fetchmailrc: line 2"):
        plan_import(rc, "mailcow", OURS)


def test_a_form_without_state_refuses_one(tmp_path: Path, ids: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("name\na\n", "utf-8")
    with pytest.raises(ConfigurationError, match=r"no file of state for --from csv"):
        plan_import(table, "csv", OURS, [ids])


async def test_what_was_delivered_is_entered_before_its_account_is_saved(
    rc: Path, ids: Path, store: SqlStore
) -> None:
    saver = Saver(store)
    results = await save(saver, store.operator, plan_import(rc, "fetchmailrc", OURS, [ids]), 10.0)
    assert saver.skipped == {JOE: 2}
    assert saver.saved == [JOE, ZOE]
    assert [(each.account, each.status) for each in results] == [
        (JOE, SaveStatus.ADDED),
        (ANN, SaveStatus.REFUSED),
        (ZOE, SaveStatus.ADDED),
        (BAD, SaveStatus.REFUSED),
    ]
    assert "line 6" in results[3].sentence
    await store.close()


async def test_an_import_that_broke_off_is_run_again(rc: Path, ids: Path, store: SqlStore) -> None:
    saver, plan = Saver(store), plan_import(rc, "fetchmailrc", OURS, [ids])
    await save(saver, store.operator, plan, 10.0)
    results = await save(saver, store.operator, plan, 20.0)
    assert [each.status for each in results if each.account in {JOE, ZOE}] == [SaveStatus.UNCHANGED] * 2
    await store.close()


async def test_an_account_that_was_visited_takes_no_state_and_is_not_saved(
    rc: Path, ids: Path, store: SqlStore
) -> None:
    await store.fetcher.sync_accounts([Schedule(JOE, 60.0, enabled=True)], 1.0)
    [lease] = await store.fetcher.lease_these("me", [JOE], 1.0, 5.0)
    await store.fetcher.release_leases([Release(lease.fence, VisitReport(), 2.0, 62.0)])
    saver = Saver(store)
    results = await save(saver, store.operator, plan_import(rc, "fetchmailrc", OURS, [ids]), 10.0)
    assert saver.saved == [ZOE]
    assert (results[0].status, "visited already" in results[0].sentence) == (SaveStatus.REFUSED, True)
    await store.close()


async def test_without_known_mails_the_store_is_not_asked(rc: Path, store: SqlStore) -> None:
    saver = Saver(store)
    nothing = cast(OperatorStore, object())
    results: Any = await save(saver, nothing, plan_import(rc, "fetchmailrc", OURS), 10.0)
    assert saver.saved == [ZOE]
    assert len(results) == 4
    await store.close()
