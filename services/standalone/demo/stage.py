"""The demonstration itself: source and target on local ports, the real pipeline between them, two passes.

The second pass shows that nothing is fetched or delivered twice, and sees what was deleted as gone.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.standalone.demo.company import Company
from services.standalone.demo.letters import Letter
from services.standalone.demo.mailbag import mailbag
from services.standalone.demo.people import ANNA
from services.standalone.demo.provider import Provider
from services.standalone.demo.settings import ACCOUNTS, account_id, settings
from services.standalone.demo.verdict import Findings, arrivals, complaints
from services.standalone.once import AccountPass, one_pass
from services.standalone.together import Together, together
from shared.config import Configuration
from shared.custody.state import Message


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: mails handed out by the source, recipients served at the target, mails deleted."""

    fetched: int
    delivered: int
    deleted: int


@dataclass(frozen=True, slots=True)
class Result:
    """What happened; `complaints` is empty where every mail is where it belongs."""

    letters: Sequence[Letter]
    findings: Findings
    passes: Sequence[AccountPass]
    complaints: Sequence[str]
    seconds: float
    configuration: Configuration


Watch = Callable[[Progress], None]


async def perform(directory: Path, watch: Watch) -> Result:
    """Run the demonstration with all its files in `directory`; `watch` is told of progress."""
    letters = mailbag()
    password = secrets.token_urlsafe(12)

    def changed() -> None:
        served = sum(len(mail.recipients) for mail in company.accepted)
        watch(Progress(provider.handed_out, served, provider.deleted))

    provider = Provider(letters, password, changed)
    company = Company(changed)
    clock = asyncio.get_running_loop().time
    started = clock()
    async with provider, company:
        configuration = settings(
            directory, source_port=provider.port, target_port=company.port, password=password
        )
        names = list(configuration.accounts)
        async with together(configuration, wait_always=True) as all_three:
            passes = await one_pass(all_three, configuration, names)
            changed()
            messages = await _messages(all_three)
            fetched = provider.handed_out
            again = await one_pass(all_three, configuration, names)
    findings = Findings(
        messages, arrivals(company.accepted), {each: provider.left(each) for each in ACCOUNTS}
    )
    found = complaints(letters, findings)
    if provider.handed_out != fetched or any(each.fetched or each.delivered for each in again):
        found.append("a second pass fetched mails that were fetched before")
    found += [f"{each.account}: {each.problem}" for each in (*passes, *again) if not each.complete]
    return Result(letters, findings, passes, found, clock() - started, configuration)


def goal(letters: Sequence[Letter]) -> Progress:
    """How far it is when it is over."""
    served = {(letter.kin, address) for letter in letters for address in letter.delivered}
    return Progress(len(letters), len(served), sum(letter.mailbox != ANNA for letter in letters))


async def _messages(all_three: Together) -> dict[tuple[str, str], Message]:
    """What the store knows of each letter, by mailbox and uid."""
    store = all_three.around.store
    found = {}
    for mailbox in ACCOUNTS:
        for row in await store.fetcher.ledger_rows(account_id(mailbox)):
            for message in await store.operator.find_messages(row.message, 1):
                found[mailbox, row.key.uid] = message
    return found
