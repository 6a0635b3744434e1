"""The directories of all accounts: one for each target that is asked and for each list, made when needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import structlog

from shared.adapters.list_directory import ListDirectory
from shared.adapters.rcpt_directory import RcptDirectory
from shared.model.account import Account, ExistenceCheck
from shared.model.errors import MailferryError
from shared.model.target import Target
from shared.ports.clock import Clock
from shared.ports.directory import Directory
from shared.smtp.client import SmtpClient
from shared.smtp.target import connect_target
from shared.smtp.timeouts import Timeouts

PATIENCE = 8.0
"""Seconds for each step of a question, so that one that hangs is known as such before all of them are."""

Record = Callable[[str, str, bool], Awaitable[None]]

log = structlog.get_logger("mailferry.directory")


async def unrecorded(_target: str, _domain: str, _accepts_all: bool) -> None:
    """Nobody keeps what was found out about a target."""


class ConfiguredDirectories:
    """Directories as the accounts want them. `record` keeps whether a target accepts every address of a
    domain; what it raises is logged, as it is told again by the next process.
    """

    def __init__(
        self,
        targets: Mapping[str, Target],
        *,
        helo_name: str,
        clock: Clock,
        entropy: Callable[[int], bytes],
        record: Record = unrecorded,
    ) -> None:
        self._targets = dict(targets)
        self._helo_name = helo_name
        self._clock = clock
        self._entropy = entropy
        self._record = record
        self._lists: dict[str, ListDirectory] = {}
        self._asked: dict[str, RcptDirectory] = {}

    def of(self, account: Account) -> Directory | None:
        """See the port; None also where the account's target is not known here."""
        routing = account.routing
        if routing.existence is ExistenceCheck.LIST and routing.recipient_list is not None:
            path = routing.recipient_list
            if path not in self._lists:
                self._lists[path] = ListDirectory(path)
            return self._lists[path]
        target = self._targets.get(account.target)
        if routing.existence is not ExistenceCheck.RCPT or target is None:
            return None
        if target.name not in self._asked:
            self._asked[target.name] = self._made(target)
        return self._asked[target.name]

    async def change(self, targets: Mapping[str, Target]) -> None:
        """See the port. A target that stays the same keeps what is known about it."""
        before, self._targets = self._targets, dict(targets)
        for name in [name for name in self._asked if before.get(name) != targets.get(name)]:
            await self._asked.pop(name).close()

    async def tidy(self) -> None:
        """See the port."""
        for each in [*self._asked.values()]:
            await each.tidy()

    async def close(self) -> None:
        """See the port."""
        for each in [*self._asked.values()]:
            await each.close()

    def _made(self, target: Target) -> RcptDirectory:
        timeouts = Timeouts(connect=PATIENCE, greeting=PATIENCE, command=PATIENCE)

        async def connect() -> SmtpClient:
            return await connect_target(target, helo_name=self._helo_name, timeouts=timeouts)

        async def notice(domain: str, accepts_all: bool) -> None:
            try:
                await self._record(target.name, domain, accepts_all)
            except MailferryError as error:
                log.warning("finding about a target not recorded", target=target.name, error=error)

        return RcptDirectory(target.name, connect, self._clock, self._entropy, notice)
