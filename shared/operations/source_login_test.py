"""Tries the source of an account, as a fetcher would: connect, encrypt, log in, list. Nothing is fetched or
deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from shared.config.providers import provider_of_host
from shared.model.account import Account
from shared.model.endpoint import Tls
from shared.model.errors import MailferryError, quoted
from shared.model.mailbox import Listing
from shared.operations.login_test import LoginTest, ShowLine, failed_login
from shared.operations.mailboxes import OpenMailbox, OperatorMailbox, operator_timeouts
from shared.operations.pop3_dialogue import Pop3Dialogue
from shared.operations.reading_test import SPOOL_ADVICE, AfterReading, ReadingTest, try_reading
from shared.operations.wording import counted, octets


async def try_source(
    account: Account, open_mailbox: OpenMailbox, show: ShowLine | None = None, keep_in: Path | None = None
) -> LoginTest:
    """Log in to an account's source and list its mailbox; `show` is given each line of the dialogue.

    With `keep_in`, one mail is read, to see whether the source still shows it afterwards; a copy of it stays
    in that directory until that is known.
    """
    dialogue = Pop3Dialogue(show, tls=account.endpoint.tls is Tls.IMPLICIT)
    server = str(account.endpoint)

    async def opened() -> OperatorMailbox:
        return await open_mailbox(account, operator_timeouts(account), dialogue=dialogue)

    try:
        mailbox = await opened()
        listing = await _listed(mailbox)
        details = _details(account, dialogue, mailbox, listing)
        sentence = "; ".join(_findings(account, dialogue, mailbox, listing))
        test = LoginTest("account", account.id, server, ok=True, sentence=sentence, details=details)
        return test if keep_in is None else _with_reading(test, await try_reading(opened, keep_in))
    except MailferryError as error:
        note = _provider_note(account)
        test = failed_login("account", account.id, server, error, _announced(dialogue))
        return replace(test, advice=f"{test.advice} {note}") if note else test


async def _listed(mailbox: OperatorMailbox) -> Listing:
    try:
        listing = await mailbox.listing()
        await mailbox.finish()
    finally:
        await mailbox.abort()
    return listing


def _findings(
    account: Account, dialogue: Pop3Dialogue, mailbox: OperatorMailbox, listing: Listing
) -> Sequence[str]:
    user = quoted(account.login.username)
    method = f" by {mailbox.method}" if mailbox.method else ""
    findings = [
        f"logged in as {user}{method} {'with' if dialogue.tls else 'without'} TLS",
        _mails(listing),
    ]
    if dialogue.methods:
        findings.append(f"methods offered: {', '.join(dialogue.methods).lower()}")
    missing = [name for name in ("UIDL", "TOP", "PIPELINING") if name not in mailbox.capabilities]
    if mailbox.capabilities.known and missing:
        findings.append(f"not announced: {', '.join(missing)}")
    return [*findings, *listing.problems]


def _mails(listing: Listing) -> str:
    entries = (*listing.entries, *listing.nameless)
    if not entries:
        return "the mailbox is empty"
    return f"{counted(len(entries), 'mail')} in the mailbox, {octets(sum(each.size for each in entries))}"


def _announced(dialogue: Pop3Dialogue) -> dict[str, object]:
    return {
        "greeting": dialogue.greeting or None,
        "capabilities": dialogue.capabilities,
        "methods": [name.lower() for name in dialogue.methods],
        "tls": dialogue.tls,
    }


def _details(
    account: Account, dialogue: Pop3Dialogue, mailbox: OperatorMailbox, listing: Listing
) -> dict[str, object]:
    entries = (*listing.entries, *listing.nameless)
    return {
        **_announced(dialogue),
        "verified": dialogue.tls and mailbox.shortfall is None and account.endpoint.verify,
        "method": mailbox.method,
        "pipelining": "PIPELINING" in mailbox.capabilities,
        "unique_ids": listing.has_uids,
        "mails": len(entries),
        "octets": sum(each.size for each in entries),
        "problems": list(listing.problems),
    }


def _with_reading(test: LoginTest, reading: ReadingTest) -> LoginTest:
    """The result with what reading a mail does to it, and what the operator should do."""
    details = {**test.details, "reading": reading.after_reading.value}
    sentence = f"{test.sentence}; {reading.sentence}"
    advised = SPOOL_ADVICE if reading.after_reading is AfterReading.HIDES else test.advice
    return replace(test, sentence=sentence, advice=advised, details=details)


def _provider_note(account: Account) -> str:
    """What is known of the provider, where a login fails there."""
    provider = provider_of_host(account.endpoint.host)
    return f"{provider.title}: {provider.note}" if provider and provider.note else ""
