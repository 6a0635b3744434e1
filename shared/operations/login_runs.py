"""Login tests that take a while: they are begun, and asked for until they have ended."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.access import Principal
from shared.model.account import Account
from shared.model.errors import Fault, MailferryError
from shared.model.spec import Kind
from shared.operations.context import OperatorContext
from shared.operations.login_test import LoginTest
from shared.operations.mailboxes import OpenMailbox
from shared.operations.objects import NotThere
from shared.operations.source_login_test import try_source

AT_ONCE = 4
"""Tests under way: each holds a connection to somebody's server, and providers count logins."""
MOST_KEPT = 1000
MOST_WAITING = 50


class LoginRunsExhausted(MailferryError):
    """Too many tests wait already."""

    fault = Fault.OPERATOR


class AccountUnusable(MailferryError):
    """The account cannot be used: the sentence says why."""

    temporary = False
    fault = Fault.OPERATOR


@dataclass(slots=True)
class LoginRun:
    """A test of an account; `result` is None until it has ended."""

    id: str
    account: str
    begun_at: float
    result: LoginTest | None = None
    problem: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether it has ended."""
        return self.result is not None or self.problem is not None


@dataclass(slots=True)
class LoginRuns:
    """The tests of this process, the latest ones kept."""

    context: OperatorContext
    open_mailbox: OpenMailbox
    entropy: Callable[[int], bytes]
    _runs: OrderedDict[str, LoginRun] = field(default_factory=OrderedDict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def begin(self, account: str) -> LoginRun:
        """Begin to log in to an account's source. Raises `NotThere` and `LoginRunsExhausted`."""
        known = await self.context.registry.store.specs(Kind.ACCOUNT, [account])
        if not known or known[0].removed_at is not None:
            raise NotThere(Kind.ACCOUNT, account)
        if len(self._tasks) >= MOST_WAITING:
            raise LoginRunsExhausted(f"{MOST_WAITING} login tests are under way; try again later")
        run = LoginRun(self.entropy(16).hex(), account, self.context.clock.now())
        self._runs[run.id] = run
        if len(self._runs) > MOST_KEPT:
            self._runs.popitem(last=False)
        task = asyncio.ensure_future(self._carry_out(run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    def run_of(self, run: str, principal: Principal) -> LoginRun | None:
        """Return a test that the principal may see."""
        found = self._runs.get(run)
        return found if found is not None and principal.sees_account(found.account) else None

    async def close(self) -> None:
        """End the tests that are under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _carry_out(self, run: LoginRun) -> None:
        try:
            async with self._slots:
                account = await usable_account(self.context, run.account)
                run.result = await try_source(account, self.open_mailbox)
        except MailferryError as error:
            run.problem = str(error)


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
