"""The kind of a mailbox, what it needs, and what follows for who gets its mail."""

from __future__ import annotations

from collections.abc import Collection

from shared.config.context import Context
from shared.config.layers import Layered
from shared.config.problems import Problems
from shared.config.schema import AccountEntry
from shared.config.senders import sender_rule
from shared.config.values import LIST_SCHEME
from shared.model.account import PARK, REFUSE, Dedup, ExistenceCheck, MailboxKind, Routing
from shared.model.address import Address
from shared.model.domains import translation
from shared.model.file_url import path_in_url
from shared.model.recipient_list import BrokenRecipientList, read_recipient_list

EXAMPLE_LIST = f"{LIST_SCHEME}///etc/mailferry/people.txt"
USELESS_CHECK = (
    '"recipients" has no effect where "unknown_recipients" leaves the refusal to the target; '
    'name a postmaster there, or "park"'
)
CATCH_ALL_KEYS = (
    "domains",
    "aliases",
    "subaddresses",
    "recipient_headers",
    "only_recipient_headers",
    "recipient_prefix",
    "own_addresses",
    "recipients",
    "unknown_recipients",
    "surplus_copies",
)


def routing(context: Context, entry: AccountEntry, layered: Layered) -> Routing | None:
    """Who gets the mail of an account; None after a problem was noted.

    A mailbox takes only the keys meant for its kind; the defaults may have those of the other.
    """
    problems = context.problems
    if entry.mailbox is None:
        layered.note(problems, "mailbox", '"mailbox" is missing; it is "single" or "catch-all"')
        return None
    if MailboxKind(entry.mailbox) is MailboxKind.SINGLE:
        return _single(context, entry, layered)
    return _catch_all(context, entry, layered)


def _single(context: Context, entry: AccountEntry, layered: Layered) -> Routing | None:
    problems = context.problems
    sender = sender_rule(context, entry, layered)
    _note_useless(problems, CATCH_ALL_KEYS, layered, "single")
    if entry.recipient is None:
        layered.note(problems, "recipient", '"recipient" is missing: all mail of a single mailbox goes to it')
        return None
    if sender is None:
        return None
    return Routing(
        MailboxKind.SINGLE,
        recipient=entry.recipient,
        trusted_hosts=entry.trusted_hosts,
        sender=sender,
        dedup=Dedup(entry.dedup),
    )


def _catch_all(context: Context, entry: AccountEntry, layered: Layered) -> Routing | None:
    problems = context.problems
    sender = sender_rule(context, entry, layered)
    _note_useless(problems, ("recipient",), layered, "catch-all")
    if not entry.domains:
        layered.note(problems, "domains", '"domains" is missing: a catch-all mailbox has mail for these only')
        return None
    _check_recipients(problems, entry, layered)
    existence, recipient_list = _existence(context, entry, layered)
    unknown = entry.unknown_recipients
    if sender is None:
        return None
    return Routing(
        MailboxKind.CATCH_ALL,
        domains=entry.domains,
        recipient_headers=entry.recipient_headers,
        only_recipient_headers=entry.only_recipient_headers,
        recipient_prefixes=entry.recipient_prefix,
        trusted_hosts=entry.trusted_hosts,
        own_addresses=entry.own_addresses,
        aliases=entry.aliases,
        strip_tags=entry.subaddresses == "strip",
        sender=sender,
        unknown_recipients=unknown if isinstance(unknown, Address) else None,
        dedup=Dedup(entry.dedup),
        existence=existence,
        recipient_list=recipient_list,
        park_unknown=unknown == PARK,
        surplus_copies=entry.surplus_copies == "postmaster",
    )


def _check_recipients(problems: Problems, entry: AccountEntry, layered: Layered) -> None:
    """What can only be judged of the keys together."""
    if entry.only_recipient_headers and not entry.recipient_headers:
        sentence = (
            '"only_recipient_headers" leaves nothing to look at; name the fields in "recipient_headers"'
        )
        layered.note(problems, "only_recipient_headers", sentence)
    for alias in entry.aliases:
        if translation(entry.domains, alias.domain) is None:
            layered.note(problems, "aliases", f'"aliases": {alias.domain} is not among the accepted domains')


def _existence(context: Context, entry: AccountEntry, layered: Layered) -> tuple[ExistenceCheck, str | None]:
    """How existence is checked, and by which list; one that cannot be used is a problem now, not at night."""
    is_wanted = "recipients" in layered.own and entry.recipients != ExistenceCheck.NONE
    if is_wanted and entry.unknown_recipients == REFUSE:
        layered.note(context.problems, "recipients", USELESS_CHECK)
    if not entry.recipients.startswith(LIST_SCHEME):
        return ExistenceCheck(entry.recipients), None
    try:
        path = context.document.resolved(path_in_url(entry.recipients, LIST_SCHEME, EXAMPLE_LIST))
    except ValueError as error:
        layered.note(context.problems, "recipients", f'"recipients": {error}')
        return ExistenceCheck.LIST, None
    try:
        read_recipient_list(path.read_bytes(), str(path))
    except BrokenRecipientList as broken:
        for problem in broken.problems:
            layered.note(context.problems, "recipients", f'"recipients": {problem}')
    except OSError as error:
        layered.note(context.problems, "recipients", f'"recipients": {path} cannot be read: {error.strerror}')
    return ExistenceCheck.LIST, str(path)


def _note_useless(problems: Problems, keys: Collection[str], layered: Layered, kind: str) -> None:
    for key in keys:
        if key in layered.own:
            layered.note(problems, key, f'"{key}" has no effect on a {kind} mailbox; remove it')
