"""The demo: a source and a target on local ports, the real services between them, two passes.

The second pass shows that nothing is fetched or delivered twice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.standalone.all_services import AllServices, all_services
from services.standalone.demo.checks import Findings, arrivals, complaints
from services.standalone.demo.letters import Letter
from services.standalone.demo.live import mails_arriving
from services.standalone.demo.mailbag import mailbag
from services.standalone.demo.people import ANNA
from services.standalone.demo.servers import Company, Provider
from services.standalone.demo.settings import ACCOUNTS, account_id, settings
from services.standalone.once import one_pass
from shared.config import Configuration
from shared.custody.state import Message
from shared.operations.pass_report import AccountPass


@dataclass(frozen=True, slots=True)
class DemoProgress:
    """Mails that the source has sent, recipients that the target has accepted mail for, mails deleted."""

    fetched: int
    delivered: int
    deleted: int


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What happened; `complaints` is empty if every mail is where it belongs."""

    letters: Sequence[Letter]
    findings: Findings
    passes: Sequence[AccountPass]
    complaints: Sequence[str]
    seconds: float
    configuration: Configuration


OnProgress = Callable[[DemoProgress], None]


async def run_demo(
    directory: Path,
    on_progress: OnProgress,
    console: str = "",
    afterwards: Callable[[DemoResult], Awaitable[None]] | None = None,
) -> DemoResult:
    """Run the demo with all its files in `directory`; `on_progress` is called whenever a number changes.

    What is to be done `afterwards`, while both servers are still there and mail arrives, gets the result;
    `console` is where its console listens.
    """
    letters = mailbag()
    password = secrets.token_urlsafe(12)

    def changed() -> None:
        delivered = sum(len(mail.recipients) for mail in company.accepted)
        on_progress(DemoProgress(provider.retrieved, delivered, provider.deleted))

    provider = Provider(letters, password, changed)
    company = Company(changed)
    clock = asyncio.get_running_loop().time
    started = clock()
    async with provider, company:
        configuration = settings(
            directory,
            source_port=provider.port,
            target_port=company.port,
            password=password,
            console=console,
        )
        names = list(configuration.accounts)
        async with all_services(configuration, wait_always=True) as services:
            passes = await one_pass(services, configuration, names)
            changed()
            messages = await _messages(services)
            fetched = provider.retrieved
            again = await one_pass(services, configuration, names)
        findings = Findings(
            messages, arrivals(company.accepted), {each: provider.left(each) for each in ACCOUNTS}
        )
        found = complaints(letters, findings)
        if provider.retrieved != fetched or any(each.fetched or each.delivered for each in again):
            found.append("a second pass fetched mails that were fetched before")
        found += [f"{each.account}: {each.problem}" for each in (*passes, *again) if not each.complete]
        result = DemoResult(letters, findings, passes, found, clock() - started, configuration)
        if afterwards is not None:
            async with mails_arriving(provider.maildrops):
                await afterwards(result)
    return result


def final_progress(letters: Sequence[Letter]) -> DemoProgress:
    """Return the numbers at the end."""
    delivered = {(letter.copies_of, address) for letter in letters for address in letter.delivered}
    return DemoProgress(len(letters), len(delivered), sum(letter.mailbox != ANNA for letter in letters))


async def _messages(services: AllServices) -> dict[tuple[str, str], Message]:
    """Return what the store knows of each letter, by mailbox and uid."""
    store = services.runtime.store
    found = {}
    for mailbox in ACCOUNTS:
        for row in await store.fetcher.ledger_rows(account_id(mailbox)):
            for message in await store.operator.find_messages(row.message, 1):
                found[mailbox, row.key.uid] = message
    return found
