"""Builds the routing of an account: who gets the mail of its mailbox, and how it is delivered."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from pydantic import SecretStr

from shared.config.account_keys import AccountKeys
from shared.config.context import Context
from shared.config.problems import Problems
from shared.config.settings import AccountSettings
from shared.config.values import LIST_SCHEME
from shared.model.account import PARK, REFUSE, ExistenceCheck, MailboxKind, Routing
from shared.model.address import Address
from shared.model.domains import translation
from shared.model.file_url import path_in_url
from shared.model.recipient_list import BrokenRecipientList, read_recipient_list
from shared.model.sender import SenderKind, SenderRule
from shared.model.srs import Srs

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
MISSING_SRS_KEY = 'the key is missing, which "srs" needs; give "srs_key", "srs_key_file" or "srs_key_env"'
SHORTEST_SRS_KEY = 8


def routing(context: Context, settings: AccountSettings, account_keys: AccountKeys) -> Routing | None:
    """Return who gets the mail of an account; None after adding a problem.

    A mailbox takes only the keys for its kind. The defaults may have those of the other kind.
    """
    problems = context.problems
    if settings.mailbox is None:
        account_keys.add_problem(problems, "mailbox", '"mailbox" is missing; it is "single" or "catch-all"')
        return None
    build = _single if settings.mailbox is MailboxKind.SINGLE else _catch_all
    routing = build(context, settings, account_keys)
    return routing and replace(
        routing, folder_recipients=settings.folder_recipients, folder_header=settings.folder_header
    )


def _single(context: Context, settings: AccountSettings, account_keys: AccountKeys) -> Routing | None:
    problems = context.problems
    sender = _sender_rule(context, settings, account_keys)
    _refuse_useless(problems, CATCH_ALL_KEYS, account_keys, "single")
    if settings.recipient is None:
        account_keys.add_problem(
            problems, "recipient", '"recipient" is missing: all mail of a single mailbox goes to it'
        )
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


def _catch_all(context: Context, settings: AccountSettings, account_keys: AccountKeys) -> Routing | None:
    problems = context.problems
    sender = _sender_rule(context, settings, account_keys)
    _refuse_useless(problems, SINGLE_KEYS, account_keys, "catch-all")
    if not settings.domains:
        account_keys.add_problem(
            problems, "domains", '"domains" is missing: a catch-all mailbox has mail for these only'
        )
        return None
    _check_recipients(problems, settings, account_keys)
    existence, recipient_list = _existence(context, settings, account_keys)
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


def _sender_rule(context: Context, settings: AccountSettings, account_keys: AccountKeys) -> SenderRule | None:
    """Return the reverse-path of the account's mail; None after adding a problem.

    The secret is one key, or several with blanks between them, of which the first one signs. Keys that only
    `srs` needs are allowed with another sender, so that SRS can be switched off for a while.
    """
    if isinstance(settings.sender, Address):
        return SenderRule(SenderKind.ADDRESS, address=settings.sender)
    if settings.sender is not SenderKind.SRS:
        return SenderRule(settings.sender)
    key = context.secret(settings, "srs_key", account_keys.path_of)
    given = any(getattr(settings, name) is not None for name in ("srs_key", "srs_key_file", "srs_key_env"))
    if key is None and not given:
        account_keys.add_problem(context.problems, "srs_key", MISSING_SRS_KEY)
    keys = key.get_secret_value().split() if key is not None else []
    if key is not None and (not keys or min(map(len, keys)) < SHORTEST_SRS_KEY):
        account_keys.add_problem(
            context.problems, "srs_key", f"an SRS key has at least {SHORTEST_SRS_KEY} characters"
        )
    if settings.srs_domain is None:
        account_keys.add_problem(context.problems, "srs_domain", '"srs_domain" is missing, which "srs" needs')
    if key is None or settings.srs_domain is None:
        return None
    return SenderRule(SenderKind.SRS, srs=Srs(settings.srs_domain, tuple([SecretStr(each) for each in keys])))


def _check_recipients(problems: Problems, settings: AccountSettings, account_keys: AccountKeys) -> None:
    """Add a problem for keys that contradict each other."""
    if settings.only_recipient_headers and not settings.recipient_headers:
        sentence = (
            '"only_recipient_headers" leaves nothing to look at; name the fields in "recipient_headers"'
        )
        account_keys.add_problem(problems, "only_recipient_headers", sentence)
    named: dict[str, Iterable[Address]] = {
        "aliases": settings.aliases,
        "folder_recipients": settings.folder_recipients.values(),
    }
    for key, addresses in named.items():
        for each in addresses:
            if translation(settings.domains, each.domain) is None:
                account_keys.add_problem(
                    problems, key, f'"{key}": {each.domain} is not among the accepted domains'
                )


def _existence(
    context: Context, settings: AccountSettings, account_keys: AccountKeys
) -> tuple[ExistenceCheck, str | None]:
    """Return how existence is checked, and the path of the list. Add a problem if the list cannot be used."""
    is_meant = "verify_recipients" in account_keys.meant
    is_wanted = is_meant and settings.verify_recipients != ExistenceCheck.NONE
    if is_wanted and settings.unknown_recipients == REFUSE:
        account_keys.add_problem(context.problems, "verify_recipients", USELESS_CHECK)
    if not settings.verify_recipients.startswith(LIST_SCHEME):
        return ExistenceCheck(settings.verify_recipients), None
    try:
        path = context.document.absolute_path(
            path_in_url(settings.verify_recipients, LIST_SCHEME, EXAMPLE_LIST)
        )
    except ValueError as error:
        account_keys.add_problem(context.problems, "verify_recipients", f'"verify_recipients": {error}')
        return ExistenceCheck.LIST, None
    try:
        read_recipient_list(path.read_bytes(), str(path))
    except BrokenRecipientList as broken:
        for problem in broken.problems:
            account_keys.add_problem(context.problems, "verify_recipients", f'"verify_recipients": {problem}')
    except OSError as error:
        account_keys.add_problem(
            context.problems,
            "verify_recipients",
            f'"verify_recipients": {path} cannot be read: {error.strerror}',
        )
    return ExistenceCheck.LIST, str(path)


def _refuse_useless(problems: Problems, keys: Collection[str], account_keys: AccountKeys, kind: str) -> None:
    for key in keys:
        if key in account_keys.meant:
            account_keys.add_problem(problems, key, f'"{key}" has no effect on a {kind} mailbox; remove it')
