"""Login tests that take a while: they are begun, and asked for until they have ended.

The process that began one carries it out; what is known of it is in the database, so that any process can
tell. Passwords of settings that are not saved stay in the memory of that process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import structlog

from shared.model.account import Account
from shared.model.errors import Fault, MailferryError
from shared.model.spec import Kind
from shared.operations import login_reports as reports
from shared.operations.context import OperatorContext
from shared.operations.explain import Explainer
from shared.operations.explanation import ExplainMail
from shared.operations.login_reports import LoginReport
from shared.operations.mailboxes import OpenMailbox
from shared.operations.objects import NotThere
from shared.operations.source_login_test import try_source
from shared.ports.store import StoredLoginTest

AT_ONCE = 4
"""Tests under way: each holds a connection to somebody's server, and providers count logins."""
MOST_WAITING = 50
MOST_OF_TENANT = 10
"""Tests of one tenant that are under way or wait, in all processes: it does not keep others waiting."""
LONGEST = 180.0
"""Seconds for a test, waiting included. One that is not done after that has ended with its process."""
GONE = "the process that tried the login has ended; try again"
TOO_LONG = f"the test was given up after {LONGEST:g} s; try again"

log = structlog.get_logger("mailferry.control")


class LoginRunsExhausted(MailferryError):
    """Too many tests wait already."""

    fault = Fault.OPERATOR


class AccountUnusable(MailferryError):
    """The account cannot be used: the sentence says why."""

    temporary = False
    fault = Fault.OPERATOR


class Trial(NamedTuple):
    """What is to be tried, and for whom.

    `prepare` returns the account to log in to. `account` is its id, "" where it is not saved; `link` is the
    id of the connect link that it is for. `mails`: of so many mails it is told who would get them. `conclude`
    is called after a login that worked; where it raises a `MailferryError`, the test has failed.
    """

    tenant: str
    account: str
    who: str
    prepare: Callable[[], Awaitable[Account]]
    link: str = ""
    mails: int = 0
    conclude: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class LoginRun:
    """A test, and what is known of it now."""

    id: str
    tenant: str
    account: str
    link: str
    who: str
    begun_at: float
    report: LoginReport

    @property
    def is_done(self) -> bool:
        """Whether it has ended."""
        return self.report.is_done


@dataclass(slots=True)
class LoginRuns:
    """The tests that this process carries out, and a look at those of all."""

    context: OperatorContext
    open_mailbox: OpenMailbox
    explain_mail: ExplainMail
    entropy: Callable[[int], bytes]
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def begin(self, trial: Trial) -> LoginRun:
        """Begin a test. Raises `LoginRunsExhausted`."""
        if len(self._tasks) >= MOST_WAITING:
            raise LoginRunsExhausted(f"{MOST_WAITING} login tests are under way; try again later")
        now, report = self.context.clock.now(), reports.begun()
        test = StoredLoginTest(
            self.entropy(16).hex(), trial.tenant, trial.account, trial.link, trial.who, now, report.written()
        )
        if not await self.context.onboarding.add_login_test(test, MOST_OF_TENANT, now - LONGEST):
            sentence = f"{MOST_OF_TENANT} login tests of this tenant are under way; try again later"
            raise LoginRunsExhausted(sentence)
        task = asyncio.ensure_future(self._carry_out(test.id, trial))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return _run(test, report)

    async def find(self, test: str) -> LoginRun | None:
        """Return a test, whoever may see it."""
        found = await self.context.onboarding.login_test(test)
        if found is None:
            return None
        if not found.is_done and found.begun_at < self.context.clock.now() - LONGEST:
            return _run(found, reports.failed(GONE))
        return _run(found, reports.read(found.report))

    async def close(self) -> None:
        """End the tests that are under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _carry_out(self, test: str, trial: Trial) -> None:
        steps = _Steps(self.context, test)
        writing = asyncio.ensure_future(steps.run())
        try:
            async with asyncio.timeout(LONGEST), self._slots:
                report = await self._report(trial, steps)
        except TimeoutError:
            report = reports.failed(TOO_LONG)
        except MailferryError as error:
            report = reports.failed(str(error))
        except Exception as error:
            # Without a result, whoever waits would never learn of it.
            log.exception("login test failed, over a mistake in Mailferry")
            report = reports.failed(f"internal error {type(error).__name__}")
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        try:
            await self.context.onboarding.write_login_test(test, report.written(), is_done=True)
        except MailferryError as error:
            log.warning("result of a login test not written", error=error)

    async def _report(self, trial: Trial, steps: _Steps) -> LoginReport:
        account = await trial.prepare()
        result = await try_source(account, self.open_mailbox, on_step=steps.note)
        report = reports.ended(result)
        if result.ok and trial.mails:
            explainer = Explainer(self.context.configuration, account, self.explain_mail)
            found = await explainer.explain_mailbox(trial.mails, self.open_mailbox)
            report = replace(report, mailbox=reports.mailbox_report(found))
        if result.ok and trial.conclude is not None:
            await trial.conclude()
        return report


class _Steps:
    """Writes the steps of a test as they are reached, the latest one only."""

    def __init__(self, context: OperatorContext, test: str) -> None:
        self._context = context
        self._test = test
        self._latest = ""
        self._changed = asyncio.Event()

    def note(self, step: str) -> None:
        """Note that a step was reached."""
        if step != self._latest:
            self._latest = step
            self._changed.set()

    async def run(self) -> None:
        """Write what is noted, until cancelled. It is no loss where the database is away."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            report = reports.under_way(self._latest).written()
            with suppress(MailferryError):
                await self._context.onboarding.write_login_test(self._test, report, is_done=False)


async def usable_account(context: OperatorContext, name: str) -> Account:
    """Return an account of the registry as services use it. Raises `NotThere` and `AccountUnusable`."""
    registry = context.registry
    await registry.refresh()
    await registry.load([name])
    account = registry.accounts.get(name)
    if account is not None:
        return account
    problem = registry.accounts.problem(name)
    raise NotThere(Kind.ACCOUNT, name) if problem is None else AccountUnusable(problem)


def _run(test: StoredLoginTest, report: LoginReport) -> LoginRun:
    return LoginRun(test.id, test.tenant, test.account, test.link, test.who, test.begun_at, report)
