"""Tries the source of an account out, as a fetcher would; nothing is fetched or deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from services.cli.login_test import LoginTest, failed
from services.cli.output import octets
from services.cli.overheard import Overheard, Show
from services.cli.reading_probe import SPOOL, Habit, Reading, probe_reading
from services.fetcher.mailboxes.mailbox import Mailbox
from services.fetcher.mailboxes.opening import open_account
from shared.config.providers import provider_of_host
from shared.model.account import Account
from shared.model.endpoint import Tls
from shared.model.errors import MailferryError, quoted
from shared.model.mailbox import Listing
from shared.pop3.limits import Timeouts

PATIENCE = 30.0


async def probe_account(account: Account, show: Show | None, keep_in: Path | None = None) -> LoginTest:
    """Connect, encrypt, log in and list; `show` is given each line of the dialogue, secrets masked.

    With `keep_in`, one mail is read, to see whether the source still shows it afterwards; a copy of it is
    kept in that directory until that is known.
    """
    overheard = Overheard(show, tls=account.endpoint.tls is Tls.IMPLICIT)
    server = str(account.endpoint)
    try:
        mailbox, listing = await _looked_at(account, overheard)
        details = _details(account, overheard, mailbox, listing)
        sentence = "; ".join(_facts(account, overheard, mailbox, listing))
        trial = LoginTest("account", account.id, server, ok=True, sentence=sentence, details=details)
        if keep_in is None:
            return trial
        return _with_habit(trial, await probe_reading(lambda: _opened(account, overheard), keep_in))
    except MailferryError as error:
        note = _note(account)
        trial = failed("account", account.id, server, error, _heard(overheard))
        return replace(trial, advice=f"{trial.advice} {note}") if note else trial


async def _opened(account: Account, overheard: Overheard) -> Mailbox:
    timeouts = Timeouts(
        connect=PATIENCE, inactivity=min(account.retry_times.timeout, PATIENCE), login=2 * PATIENCE
    )
    return await open_account(account, timeouts, dialogue=overheard)


async def _looked_at(account: Account, overheard: Overheard) -> tuple[Mailbox, Listing]:
    mailbox = await _opened(account, overheard)
    try:
        listing = await mailbox.listing()
        await mailbox.finish()
    finally:
        await mailbox.abort()
    return mailbox, listing


def _facts(account: Account, overheard: Overheard, mailbox: Mailbox, listing: Listing) -> Sequence[str]:
    user = quoted(account.login.username)
    facts = [
        f"logged in as {user} by {mailbox.method} {'with' if overheard.tls else 'without'} TLS",
        _waiting(listing),
    ]
    if overheard.methods:
        facts.append(f"methods offered: {', '.join(overheard.methods).lower()}")
    missing = [name for name in ("UIDL", "TOP", "PIPELINING") if name not in mailbox.capabilities]
    if mailbox.capabilities.known and missing:
        facts.append(f"not announced: {', '.join(missing)}")
    return [*facts, *listing.problems]


def _waiting(listing: Listing) -> str:
    count = len(listing.entries) + len(listing.nameless)
    if count == 0:
        return "no mail waits"
    size = octets(sum(each.size for each in (*listing.entries, *listing.nameless)))
    return f"1 mail waits, {size}" if count == 1 else f"{count} mails wait, {size}"


def _heard(overheard: Overheard) -> dict[str, object]:
    return {
        "greeting": overheard.greeting or None,
        "capabilities": overheard.capabilities,
        "methods": [name.lower() for name in overheard.methods],
        "tls": overheard.tls,
    }


def _details(account: Account, overheard: Overheard, mailbox: Mailbox, listing: Listing) -> dict[str, object]:
    entries = (*listing.entries, *listing.nameless)
    return {
        **_heard(overheard),
        "verified": overheard.tls and mailbox.shortfall is None and account.endpoint.verify,
        "method": mailbox.method,
        "pipelining": "PIPELINING" in mailbox.capabilities,
        "unique_ids": listing.has_uids,
        "mails": len(entries),
        "octets": sum(each.size for each in entries),
        "problems": list(listing.problems),
    }


def _with_habit(trial: LoginTest, reading: Reading) -> LoginTest:
    """The trial with what reading a mail does to it, and what follows."""
    details = {**trial.details, "reading": reading.habit.value}
    sentence = f"{trial.sentence}; {reading.sentence}"
    advised = SPOOL if reading.habit is Habit.HIDES else trial.advice
    return replace(trial, sentence=sentence, advice=advised, details=details)


def _note(account: Account) -> str:
    """What is known of the provider, where a login fails there."""
    provider = provider_of_host(account.endpoint.host)
    return f"{provider.title}: {provider.note}" if provider and provider.note else ""
