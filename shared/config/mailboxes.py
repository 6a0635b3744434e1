"""The kind of a mailbox, what it needs, and what follows for who gets its mail."""

from __future__ import annotations

from collections.abc import Collection

from shared.config.context import Context
from shared.config.layers import Layered
from shared.config.problems import Problems
from shared.config.senders import sender_rule
from shared.config.settings import AccountSettings
from shared.config.values import LIST_SCHEME
from shared.model.account import PARK, REFUSE, ExistenceCheck, MailboxKind, Routing
from shared.model.address import Address
from shared.model.domains import translation
from shared.model.file_url import path_in_url
from shared.model.recipient_list import BrokenRecipientList, read_recipient_list

EXAMPLE_LIST = f"{LIST_SCHEME}///etc/mailferry/people.txt"
USELESS_CHECK = (
    '"verify_recipients" has no effect where "unknown_recipients" leaves the refusal to the target; '
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
    "verify_recipients",
    "unknown_recipients",
    "surplus_copies",
)
SINGLE_KEYS = ("recipient",)


def routing(context: Context, settings: AccountSettings, layered: Layered) -> Routing | None:
    """Who gets the mail of an account; None after a problem was noted.

    A mailbox takes only the keys meant for its kind; the defaults may have those of the other.
    """
    problems = context.problems
    if settings.mailbox is None:
        layered.note(problems, "mailbox", '"mailbox" is missing; it is "single" or "catch-all"')
        return None
    if settings.mailbox is MailboxKind.SINGLE:
        return _single(context, settings, layered)
    return _catch_all(context, settings, layered)


def _single(context: Context, settings: AccountSettings, layered: Layered) -> Routing | None:
    problems = context.problems
    sender = sender_rule(context, settings, layered)
    _note_useless(problems, CATCH_ALL_KEYS, layered, "single")
    if settings.recipient is None:
        layered.note(problems, "recipient", '"recipient" is missing: all mail of a single mailbox goes to it')
        return None
    if sender is None:
        return None
    return Routing(
        MailboxKind.SINGLE,
        recipient=settings.recipient,
        trusted_hosts=settings.trusted_hosts,
        sender=sender,
        dedup=settings.dedup,
    )


def _catch_all(context: Context, settings: AccountSettings, layered: Layered) -> Routing | None:
    problems = context.problems
    sender = sender_rule(context, settings, layered)
    _note_useless(problems, SINGLE_KEYS, layered, "catch-all")
    if not settings.domains:
        layered.note(problems, "domains", '"domains" is missing: a catch-all mailbox has mail for these only')
        return None
    _check_recipients(problems, settings, layered)
    existence, recipient_list = _existence(context, settings, layered)
    unknown = settings.unknown_recipients
    if sender is None:
        return None
    return Routing(
        MailboxKind.CATCH_ALL,
        domains=settings.domains,
        recipient_headers=settings.recipient_headers,
        only_recipient_headers=settings.only_recipient_headers,
        recipient_prefixes=settings.recipient_prefix,
        trusted_hosts=settings.trusted_hosts,
        own_addresses=settings.own_addresses,
        aliases=settings.aliases,
        strip_tags=settings.subaddresses == "strip",
        sender=sender,
        unknown_recipients=unknown if isinstance(unknown, Address) else None,
        dedup=settings.dedup,
        existence=existence,
        recipient_list=recipient_list,
        park_unknown=unknown == PARK,
        surplus_copies=settings.surplus_copies == "postmaster",
    )


def _check_recipients(problems: Problems, settings: AccountSettings, layered: Layered) -> None:
    """What can only be judged of the keys together."""
    if settings.only_recipient_headers and not settings.recipient_headers:
        sentence = (
            '"only_recipient_headers" leaves nothing to look at; name the fields in "recipient_headers"'
        )
        layered.note(problems, "only_recipient_headers", sentence)
    for alias in settings.aliases:
        if translation(settings.domains, alias.domain) is None:
            layered.note(problems, "aliases", f'"aliases": {alias.domain} is not among the accepted domains')


def _existence(
    context: Context, settings: AccountSettings, layered: Layered
) -> tuple[ExistenceCheck, str | None]:
    """How existence is checked, and by which list; one that cannot be used is a problem now, not at night."""
    is_wanted = "verify_recipients" in layered.own and settings.verify_recipients != ExistenceCheck.NONE
    if is_wanted and settings.unknown_recipients == REFUSE:
        layered.note(context.problems, "verify_recipients", USELESS_CHECK)
    if not settings.verify_recipients.startswith(LIST_SCHEME):
        return ExistenceCheck(settings.verify_recipients), None
    try:
        path = context.document.resolved(path_in_url(settings.verify_recipients, LIST_SCHEME, EXAMPLE_LIST))
    except ValueError as error:
        layered.note(context.problems, "verify_recipients", f'"verify_recipients": {error}')
        return ExistenceCheck.LIST, None
    try:
        read_recipient_list(path.read_bytes(), str(path))
    except BrokenRecipientList as broken:
        for problem in broken.problems:
            layered.note(context.problems, "verify_recipients", f'"verify_recipients": {problem}')
    except OSError as error:
        layered.note(
            context.problems,
            "verify_recipients",
            f'"verify_recipients": {path} cannot be read: {error.strerror}',
        )
    return ExistenceCheck.LIST, str(path)


def _note_useless(problems: Problems, keys: Collection[str], layered: Layered, kind: str) -> None:
    for key in keys:
        if key in layered.own:
            layered.note(problems, key, f'"{key}" has no effect on a {kind} mailbox; remove it')
