from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from structlog.testing import capture_logs

from shared.adapters.directories import ConfiguredDirectories, RecordAcceptsAll
from shared.adapters.rcpt_directory import RcptDirectory
from shared.model.account import Account, ExistenceCheck
from shared.model.endpoint import Endpoint
from shared.model.target import Target
from shared.ports.directory import Existence
from shared.ports.store import StoreUnavailable
from tests.fakes import mails
from tests.fakes.clock import ManualClock
from tests.fakes.smtp_server import Act, SmtpServer

BOB = "bob@firma.de"


def account(check: ExistenceCheck, path: Path | None = None, target: str = "exchange") -> Account:
    routing = replace(mails.catch_all(), existence=check, recipient_list=str(path) if path else None)
    return replace(mails.account(routing), target=target)


def directories(*targets: Target, record: RecordAcceptsAll | None = None) -> ConfiguredDirectories:
    named = {each.name: each for each in targets}
    clock = ManualClock()
    if record is None:
        return ConfiguredDirectories(named, helo_name="me.example", clock=clock, entropy=bytes)
    return ConfiguredDirectories(named, helo_name="me.example", clock=clock, entropy=bytes, record=record)


def at(port: int) -> Target:
    return Target("exchange", Endpoint("127.0.0.1", port))


def test_an_account_that_does_not_ask_has_no_directory_and_neither_has_one_of_an_unknown_target() -> None:
    known = directories(at(25))
    assert known.directory_for(account(ExistenceCheck.NONE)) is None
    assert known.directory_for(account(ExistenceCheck.RCPT, target="elsewhere")) is None


def test_accounts_with_the_same_target_or_list_share_what_is_known(tmp_path: Path) -> None:
    known = directories(at(25))
    by_list = account(ExistenceCheck.LIST, tmp_path / "list")
    assert known.directory_for(by_list) is known.directory_for(by_list)
    assert known.directory_for(by_list) is not known.directory_for(
        account(ExistenceCheck.LIST, tmp_path / "other")
    )
    assert known.directory_for(account(ExistenceCheck.RCPT)) is known.directory_for(
        account(ExistenceCheck.RCPT)
    )


async def test_a_target_that_changes_is_asked_anew_and_one_that_stays_is_not() -> None:
    targets = {"exchange": at(25)}
    known = ConfiguredDirectories(targets, helo_name="me.example", clock=ManualClock(), entropy=bytes)
    before = known.directory_for(account(ExistenceCheck.RCPT))
    targets["exchange"] = at(25)
    assert known.directory_for(account(ExistenceCheck.RCPT)) is before
    targets["exchange"] = at(26)
    assert known.directory_for(account(ExistenceCheck.RCPT)) is not before


async def test_what_cannot_be_recorded_about_a_target_decides_nothing() -> None:
    async def away(_target: str, _domain: str, _accepts_all: bool) -> None:
        raise StoreUnavailable("the database is away")

    async with SmtpServer() as server:
        known = directories(at(server.port), record=away)
        directory = known.directory_for(account(ExistenceCheck.RCPT))
        assert directory is not None
        with capture_logs() as logs:
            assert (await directory.look_up([BOB]))[BOB].existence is Existence.EXISTS
        assert "finding about a target not recorded" in [each["event"] for each in logs]
        await known.close()
        assert server.commands[-1] == "QUIT"


async def test_a_directory_that_is_being_asked_is_closed_only_when_it_has_answered() -> None:
    async with SmtpServer(replies={"EHLO": Act.SILENCE}) as slow:
        targets = {"exchange": at(slow.port)}
        known = ConfiguredDirectories(targets, helo_name="me.example", clock=ManualClock(), entropy=bytes)
        directory = known.directory_for(account(ExistenceCheck.RCPT))
        assert isinstance(directory, RcptDirectory)
        asking = asyncio.create_task(directory.look_up([BOB]))
        async with asyncio.timeout(60):
            while not slow.commands:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.01)
        targets["exchange"] = at(26)
        known.directory_for(account(ExistenceCheck.RCPT))
        await known.close_idle()
        assert directory.is_asking
        assert not asking.done()
        asking.cancel()
        await asyncio.wait([asking])
        await known.close()


async def test_directories_of_targets_that_are_not_at_hand_are_forgotten() -> None:
    targets = {"exchange": at(25)}
    known = ConfiguredDirectories(targets, helo_name="me.example", clock=ManualClock(), entropy=bytes)
    before = known.directory_for(account(ExistenceCheck.RCPT))
    kept = targets.pop("exchange")
    await known.close_idle()
    targets["exchange"] = kept
    assert known.directory_for(account(ExistenceCheck.RCPT)) is not before
