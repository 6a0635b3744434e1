"""Tries the source of an account, as a fetcher would: connect, encrypt, log in, list. Nothing is fetched or
deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from shared.config.providers import provider_of_host
from shared.model.account import Account
from shared.model.endpoint import Tls
from shared.model.errors import MailferryError, joined, quoted
from shared.model.mailbox import FolderFacts, Listing
from shared.model.source_errors import WrongService
from shared.operations.folder_findings import folder_details, folder_findings
from shared.operations.imap_dialogue import ImapDialogue
from shared.operations.login_test import GREETING, LoginTest, ShowLine, failed_login
from shared.operations.mailboxes import OpenMailbox, OperatorMailbox, operator_timeouts
from shared.operations.pop3_dialogue import Pop3Dialogue
from shared.operations.reading_test import POP3_ADVICE, SPOOL_ADVICE, AfterReading, ReadingTest, try_reading
from shared.operations.source_dialogue import SourceDialogue
from shared.operations.wording import counted, octets

DIALOGUES: Mapping[str, type[SourceDialogue]] = MappingProxyType({"pop3": Pop3Dialogue, "imap": ImapDialogue})
"""By `Account.protocol`."""
AFTER_GREETING = "The session failed after the greeting; `--verbose` shows the dialogue."

_REV2 = "IMAP4REV2"
_USED: Mapping[str, Sequence[tuple[str, ...]]] = MappingProxyType(
    {
        "pop3": (("UIDL",), ("TOP",), ("PIPELINING",)),
        "imap": (("UIDPLUS", _REV2), ("MOVE", _REV2), ("IDLE", _REV2), ("OBJECTID", "X-GM-EXT-1")),
    }
)
"""What Mailferry uses where it is announced, by protocol; each may be announced by another name, too."""


async def try_source(
    account: Account,
    open_mailbox: OpenMailbox,
    show: ShowLine | None = None,
    keep_in: Path | None = None,
    on_step: Callable[[str], None] | None = None,
) -> LoginTest:
    """Log in to an account's source and list its mailbox; `show` is given each line of the dialogue, and
    `on_step` each step that is reached.

    With `keep_in`, one mail is read, to see whether the source still shows it afterwards; a copy of it stays
    in that directory until that is known.
    """
    dialogue = DIALOGUES[account.protocol](show, tls=account.endpoint.tls is Tls.IMPLICIT, on_step=on_step)
    server = str(account.endpoint)

    async def opened() -> OperatorMailbox:
        return await open_mailbox(account, operator_timeouts(account), dialogue=dialogue)

    try:
        mailbox = await opened()
        listing, facts = await _listed(mailbox, deletes=account.retention.days is not None)
        details = _details(account, dialogue, mailbox, listing) | folder_details(facts, listing.entries)
        sentence = joined(_findings(account, dialogue, mailbox, listing, facts))
        test = LoginTest("account", account.id, server, ok=True, sentence=sentence, details=details)
        return test if keep_in is None else _with_reading(test, await try_reading(opened, keep_in))
    except MailferryError as error:
        details = _announced(account, dialogue)
        test = failed_login("account", account.id, server, error, details, account.protocol)
        if test.step == GREETING and dialogue.greeting and not isinstance(error, WrongService):
            test = replace(test, step=dialogue.step, advice=AFTER_GREETING)
        untold = [alert for alert in dialogue.alerts if alert not in test.sentence]
        sentence = " ".join([test.sentence, *(f"The server wants you to know: {each}" for each in untold)])
        return replace(test, sentence=sentence, advice=f"{test.advice} {_provider_note(account)}".rstrip())


async def _listed(mailbox: OperatorMailbox, *, deletes: bool) -> tuple[Listing, FolderFacts | None]:
    try:
        listing = await mailbox.listing()
        facts = await mailbox.folder_facts(deletes=deletes)
        await mailbox.finish()
    finally:
        await mailbox.abort()
    return listing, facts


def _findings(
    account: Account,
    dialogue: SourceDialogue,
    mailbox: OperatorMailbox,
    listing: Listing,
    facts: FolderFacts | None,
) -> Sequence[str]:
    user = quoted(account.login.username)
    method = f" by {mailbox.method}" if mailbox.method else ""
    findings = [
        f"logged in as {user}{method} {'with' if dialogue.tls else 'without'} TLS",
        _mails(listing),
    ]
    if dialogue.methods:
        findings.append(f"methods offered: {', '.join(dialogue.methods).lower()}")
    if facts is not None:
        findings += folder_findings(facts, listing.entries)
    if missing := _missing(account, mailbox):
        findings.append(f"not announced: {', '.join(missing)}")
    findings += [f"the server wants you to know: {alert}" for alert in dialogue.alerts]
    return [*findings, *listing.problems]


def _missing(account: Account, mailbox: OperatorMailbox) -> list[str]:
    """Return what Mailferry would use and the server does not announce."""
    announced = mailbox.capabilities
    if not announced.known:
        return []
    used = _USED[account.protocol]
    return [names[0] for names in used if not any(name in announced for name in names)]


def _mails(listing: Listing) -> str:
    entries = (*listing.entries, *listing.nameless)
    if not entries:
        return "the mailbox is empty"
    return f"{counted(len(entries), 'mail')} in the mailbox, {octets(sum(each.size for each in entries))}"


def _announced(account: Account, dialogue: SourceDialogue) -> dict[str, object]:
    return {
        "protocol": account.protocol,
        "greeting": dialogue.greeting or None,
        "capabilities": dialogue.capabilities,
        "methods": [name.lower() for name in dialogue.methods],
        "alerts": dialogue.alerts,
        "tls": dialogue.tls,
    }


def _details(
    account: Account, dialogue: SourceDialogue, mailbox: OperatorMailbox, listing: Listing
) -> dict[str, object]:
    entries = (*listing.entries, *listing.nameless)
    return {
        **_announced(account, dialogue),
        "verified": dialogue.tls and mailbox.shortfall is None and account.endpoint.verify,
        "method": mailbox.method,
        "missing": _missing(account, mailbox),
        "pipelining": account.protocol == "imap" or "PIPELINING" in mailbox.capabilities,
        "unique_ids": listing.has_uids,
        "mails": len(entries),
        "octets": sum(each.size for each in entries),
        "problems": list(listing.problems),
    }


def _with_reading(test: LoginTest, reading: ReadingTest) -> LoginTest:
    """The result with what reading a mail does to it, and what the operator should do."""
    details = {**test.details, "reading": reading.after_reading.value}
    sentence = joined([test.sentence, reading.sentence])
    advised = test.advice
    if reading.after_reading is AfterReading.HIDES:
        advised = SPOOL_ADVICE if test.details["protocol"] == "pop3" else POP3_ADVICE
    return replace(test, sentence=sentence, advice=advised, details=details)


def _provider_note(account: Account) -> str:
    """What is known of the provider, where a login fails there."""
    provider = provider_of_host(account.endpoint.host)
    advice = provider.advice(account.protocol) if provider else ""
    return f"{provider.title}: {advice}" if provider and advice else ""
