"""The directories of all accounts: one per target that is asked, one per list. Each is made when needed."""

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
from shared.ports.tokens import NO_GRANTS, GrantTokens
from shared.smtp.client import SmtpClient
from shared.smtp.target import connect_target
from shared.smtp.timeouts import Timeouts

STEP_TIMEOUT = 8.0
"""Seconds for each step of a dialogue: shorter than the deadline for a whole batch, so that the step that
hangs is the one reported."""

RecordAcceptsAll = Callable[[str, str, bool], Awaitable[None]]

log = structlog.get_logger("mailferry.directory")


async def record_nothing(_target: str, _domain: str, _accepts_all: bool) -> None:
    """Do not record what was found out about a target."""


class ConfiguredDirectories:
    """Directories as the accounts configure them.

    `record` stores whether a target accepts every address of a domain. Its errors are logged only: the next
    process finds it out again.
    """

    def __init__(
        self,
        targets: Mapping[str, Target],
        *,
        helo_name: str,
        clock: Clock,
        entropy: Callable[[int], bytes],
        record: RecordAcceptsAll = record_nothing,
        grants: GrantTokens = NO_GRANTS,
    ) -> None:
        self._grants = grants
        self._targets = targets
        self._helo_name = helo_name
        self._clock = clock
        self._entropy = entropy
        self._record = record
        self._lists: dict[str, ListDirectory] = {}
        self._by_target: dict[str, tuple[Target, RcptDirectory]] = {}
        self._replaced: list[RcptDirectory] = []

    def directory_for(self, account: Account) -> Directory | None:
        """See the port. None, too, where the account's target is not known here."""
        routing = account.routing
        if routing.existence is ExistenceCheck.LIST and routing.recipient_list is not None:
            path = routing.recipient_list
            if path not in self._lists:
                self._lists[path] = ListDirectory(path)
            return self._lists[path]
        target = self._targets.get(account.target)
        if routing.existence is not ExistenceCheck.RCPT or target is None:
            return None
        known = self._by_target.get(target.name)
        if known is not None and known[0] == target:
            return known[1]
        if known is not None:
            self._replaced.append(known[1])
        directory = self._rcpt_directory(target)
        self._by_target[target.name] = target, directory
        return directory

    async def close_idle(self) -> None:
        """See the port."""
        gone = [name for name in self._by_target if name not in self._targets]
        self._replaced += [self._by_target.pop(name)[1] for name in gone]
        unused = [each for each in self._replaced if not each.is_asking]
        self._replaced = [each for each in self._replaced if each.is_asking]
        for each in unused:
            await each.close()
        for _, each in [*self._by_target.values()]:
            await each.close_idle()

    async def close(self) -> None:
        """See the port."""
        for each in [*self._replaced, *(directory for _, directory in self._by_target.values())]:
            await each.close()

    def _rcpt_directory(self, target: Target) -> RcptDirectory:
        timeouts = Timeouts(connect=STEP_TIMEOUT, greeting=STEP_TIMEOUT, command=STEP_TIMEOUT)

        async def connect() -> SmtpClient:
            return await connect_target(
                target, helo_name=self._helo_name, timeouts=timeouts, grants=self._grants
            )

        async def report(domain: str, accepts_all: bool) -> None:
            try:
                await self._record(target.name, domain, accepts_all)
            except MailferryError as error:
                log.warning("finding about a target not recorded", target=target.name, error=error)

        return RcptDirectory(target.name, connect, self._clock, self._entropy, report)
