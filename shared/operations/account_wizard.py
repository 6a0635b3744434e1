"""The steps by which an account is added, as a pure state machine.

`next_step` says what comes next for a `Draft`: a question for a person, work for the caller, or the end.
`answered` returns the draft with an answer in it. Whoever asks, a terminal or a web page, needs no rules of
its own. An option that was given beforehand is an answer already in the draft.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from pydantic import SecretStr

from shared.autoconfig.candidate import Candidate
from shared.config import values
from shared.config.urls import SOURCE_PORTS, source_url
from shared.model.account import MailboxKind
from shared.model.errors import quoted
from shared.operations.account_draft import DEFAULT_TENANT, Draft, proposed_name
from shared.operations.login_test import LoginTest


class Topic(StrEnum):
    """What a question is about."""

    ADDRESS = "address"
    SERVER = "server"
    USERNAME = "user"
    APP = "oauth-app"
    PASSWORD = "password"  # noqa: S105 - the name of a question
    FAILURE = "failure"
    MAILBOX = "mailbox"
    RECIPIENT = "recipient"
    DOMAINS = "domain"
    TARGET = "target"
    RETENTION = "retention"
    TENANT = "tenant"
    NAME = "name"
    CONFIRMATION = "confirmation"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers to a question, and what it means."""

    value: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked. Without a `default` there must be an answer.

    `choices`: known answers; where `is_open`, others are possible.
    """

    topic: Topic
    text: str
    default: str | None = None
    choices: tuple[Choice, ...] = ()
    is_open: bool = True
    is_secret: bool = False


class Work(StrEnum):
    """What the caller does next; it puts the result into the draft."""

    SEARCH = "search for the server"
    TRY_LOGIN = "try the login"
    SAVE = "save the account"


class End(StrEnum):
    """Nothing is left to do."""

    SAVED = "saved"
    GIVEN_UP = "given up"


Step: TypeAlias = Question | Work | End
AGAIN, OTHER_PASSWORD, OTHER_USER, OTHER_SERVER, GIVE_UP = "again", "password", "user", "server", "quit"
YES, NO = "yes", "no"
TOKENS_ONLY = (
    "This server takes OAuth 2 tokens only, and no passwords. Register an app with its provider, and add it "
    "by `mailferry oauth app add`; docs/oauth.md says how."
)
NO_APP = 'There is no OAuth app "{}"; `mailferry oauth app list` shows those that there are.'
AFTER_FAILURE = (
    Choice(OTHER_PASSWORD, "enter the password again"),
    Choice(OTHER_USER, "another user name"),
    Choice(OTHER_SERVER, "another server"),
    Choice(AGAIN, "try the same once more"),
    Choice(GIVE_UP, "give up; nothing is saved"),
)
MAILBOXES = (
    Choice(MailboxKind.SINGLE.value, "the mail of one person"),
    Choice(MailboxKind.CATCH_ALL.value, "the mail of all addresses of one or several domains"),
)
RETENTIONS = (
    Choice("delete", "none, as soon as a mail is delivered"),
    Choice("7d", "that many days"),
    Choice("keep", "for ever"),
)
CONFIRMATIONS = (Choice(YES, "save the account"), Choice(NO, "give up; nothing is saved"))


def next_step(draft: Draft) -> Step:
    """Return what comes next."""
    if draft.is_given_up:
        return End.GIVEN_UP
    if draft.is_saved:
        return End.SAVED
    return _server_step(draft) or _routing_step(draft) or Work.SAVE


def answered(draft: Draft, topic: Topic, text: str) -> Draft:
    """Return the draft with the answer to a question. Raises ValueError with a sentence."""
    return _ANSWERS[topic](draft, text.strip() if topic is not Topic.PASSWORD else text)


def with_search(draft: Draft, found: Sequence[Candidate], problems: Sequence[str]) -> Draft:
    """Return the draft with what the search found."""
    return replace(draft, found=tuple(found), problems=tuple(problems))


def with_login(draft: Draft, test: LoginTest) -> Draft:
    """Return the draft with the result of a login test."""
    return replace(draft, login=test)


def _server_step(draft: Draft) -> Step | None:
    """Return the next step until the login has worked, or an app was chosen; None then."""
    if draft.address is None:
        return Question(Topic.ADDRESS, "Mail address of the mailbox")
    if draft.source is None:
        return Work.SEARCH if draft.found is None else _server_question(draft)
    if draft.username is None:
        default = draft.chosen.username if draft.chosen else str(draft.address)
        return Question(Topic.USERNAME, f"User name at {draft.source}", default)
    if draft.oauth_app is not None:
        return None
    if draft.chosen is not None and draft.chosen.tokens_only:
        choices = tuple(Choice(name, "") for name in draft.apps)
        only = draft.apps[0] if len(draft.apps) == 1 else None
        return Question(Topic.APP, "OAuth app that its owner signs in to", only, choices, is_open=False)
    if draft.password is None:
        return Question(Topic.PASSWORD, f"Password of {draft.username}", is_secret=True)
    if draft.login is None:
        return Work.TRY_LOGIN
    if not draft.login.ok:
        return Question(Topic.FAILURE, "What now", _likely_remedy(draft.login), AFTER_FAILURE, is_open=False)
    return None


def _routing_step(draft: Draft) -> Step | None:
    """Return the next question about what becomes of the mail; None after the last one."""
    assert draft.address is not None
    if draft.mailbox is None:
        return Question(
            Topic.MAILBOX, "Whose mail is in it", MailboxKind.SINGLE.value, MAILBOXES, is_open=False
        )
    if draft.mailbox is MailboxKind.SINGLE and draft.recipient is None:
        return Question(Topic.RECIPIENT, "Recipient of the mail", str(draft.address))
    if draft.mailbox is MailboxKind.CATCH_ALL and not draft.domains:
        return Question(
            Topic.DOMAINS, "Domains that it has mail for, with spaces between", draft.address.domain
        )
    if draft.target is None:
        choices = tuple(Choice(name, "") for name in draft.targets)
        default = draft.targets[0] if len(draft.targets) == 1 else None
        return Question(Topic.TARGET, "Target that the mail is delivered to", default, choices, is_open=False)
    if draft.retention is None:
        return Question(Topic.RETENTION, "How long a copy stays at the source", "delete", RETENTIONS)
    if draft.tenant is None:
        return Question(Topic.TENANT, "Tenant that the account belongs to", DEFAULT_TENANT)
    if draft.name is None:
        return Question(Topic.NAME, "Name of the account", proposed_name(draft.address))
    if not draft.is_confirmed:
        return Question(Topic.CONFIRMATION, "Save this account", YES, CONFIRMATIONS, is_open=False)
    return None


def _server_question(draft: Draft) -> Question:
    """Ask which server it is. One that is not secure, or takes tokens and there is no app, is never the
    default.
    """
    found = draft.found or ()
    choices = tuple(Choice(str(number), described(each)) for number, each in enumerate(found, 1))
    usable = (
        choice.value
        for choice, each in zip(choices, found, strict=True)
        if each.is_secure and (draft.apps or not each.tokens_only)
    )
    default = next(usable, None)
    text = "Server of the mailbox: a number, or a URL" if found else "Server of the mailbox, as a URL"
    return Question(Topic.SERVER, text, default, choices)


def described(candidate: Candidate) -> str:
    """Return a candidate in one line."""
    parts = [f"{candidate.url} (found by: {candidate.way.value}; confidence: {candidate.confidence.value})"]
    if not candidate.is_secure:
        parts.append("INSECURE: others may read the password")
    if candidate.tokens_only:
        parts.append("takes OAuth 2 tokens only, no passwords")
    return ". ".join(filter(None, (", ".join(parts), candidate.note)))


def _likely_remedy(test: LoginTest) -> str:
    """Return what most likely helps: the same once more where the server said that it is only for now."""
    if test.step in {"name", "connect", "TLS", "greeting", "method"}:
        return OTHER_SERVER
    return AGAIN if test.step == "mailbox" else OTHER_PASSWORD


def _take_address(draft: Draft, text: str) -> Draft:
    return replace(draft, address=values.address(text))


def _take_server(draft: Draft, text: str) -> Draft:
    """Take the number of a candidate, or a URL; its user name, if it has one, is an answer, too."""
    found = draft.found or ()
    if text.isascii() and text.isdigit():
        if not 1 <= int(text[:6]) <= len(found):
            raise ValueError(f"There is no number {quoted(text, 6)}.")
        chosen = found[int(text) - 1]
        if chosen.tokens_only and not draft.apps:
            raise ValueError(TOKENS_ONLY)
        return replace(draft, source=chosen.url, chosen=chosen, login=None)
    url = source_url(text)
    if url.password is not None:
        raise ValueError("The password does not belong into the URL; it is asked for later.")
    host = f"[{url.host}]" if ":" in url.host else url.host
    port = "" if url.port == SOURCE_PORTS[url.scheme] else f":{url.port}"
    source = f"{url.scheme}://{host}{port}"
    username = url.username if url.username is not None else draft.username
    return replace(draft, source=source, chosen=None, username=username, login=None)


def _take_username(draft: Draft, text: str) -> Draft:
    return replace(draft, username=values.text(text), login=None)


def _take_password(draft: Draft, text: str) -> Draft:
    try:
        values.text(text)
    except ValueError:
        raise ValueError("A password is not empty, and has one line.") from None
    return replace(draft, password=SecretStr(text), login=None)


def _take_app(draft: Draft, text: str) -> Draft:
    if text not in draft.apps:
        raise ValueError(NO_APP.format(quoted(text, 60)) if draft.apps else TOKENS_ONLY)
    return replace(draft, oauth_app=text, password=None, login=None)


def _take_remedy(draft: Draft, text: str) -> Draft:
    """Take what is to be done after a failed login."""
    _chosen(text, AFTER_FAILURE)
    again = replace(draft, login=None)
    match text:
        case "password":
            return replace(again, password=None)
        case "user":
            return replace(again, username=None, password=None)
        case "server":
            return replace(again, source=None, chosen=None, found=draft.found or ())
        case "quit":
            return replace(draft, is_given_up=True)
    return again


def _take_mailbox(draft: Draft, text: str) -> Draft:
    return replace(draft, mailbox=MailboxKind(_chosen(text, MAILBOXES)))


def _take_recipient(draft: Draft, text: str) -> Draft:
    if draft.mailbox is MailboxKind.CATCH_ALL:
        raise ValueError("The mail of a catch-all mailbox has many recipients; name its domains.")
    return replace(draft, mailbox=MailboxKind.SINGLE, recipient=values.address(text))


def _take_domains(draft: Draft, text: str) -> Draft:
    domains = tuple(dict.fromkeys(values.domain(word) for word in text.replace(",", " ").split()))
    if not domains:
        raise ValueError("Name at least one domain.")
    if draft.mailbox is MailboxKind.SINGLE:
        raise ValueError("The mail of a single mailbox has one recipient, and no domains.")
    return replace(draft, mailbox=MailboxKind.CATCH_ALL, domains=domains)


def _take_target(draft: Draft, text: str) -> Draft:
    return replace(draft, target=_chosen(text, [Choice(name, "") for name in draft.targets]))


def _take_retention(draft: Draft, text: str) -> Draft:
    values.retention(text)
    return replace(draft, retention=text)


def _take_tenant(draft: Draft, text: str) -> Draft:
    return replace(draft, tenant=values.name(text))


def _take_name(draft: Draft, text: str) -> Draft:
    name = values.name(text)
    if f"{draft.tenant or DEFAULT_TENANT}/{name}" in draft.taken:
        raise ValueError(f'The tenant has another account called "{name}".')
    return replace(draft, name=name)


def _take_confirmation(draft: Draft, text: str) -> Draft:
    wants = _chosen(text, CONFIRMATIONS) == YES
    return replace(draft, is_confirmed=wants, is_given_up=not wants)


def _chosen(text: str, choices: Sequence[Choice]) -> str:
    """Return the answer if it is one of the choices. Raises ValueError."""
    known = [choice.value for choice in choices]
    if text not in known:
        raise ValueError(f'"{quoted(text, 60)}" is none of {", ".join(known)}.')
    return text


_ANSWERS: Mapping[Topic, Callable[[Draft, str], Draft]] = MappingProxyType(
    {
        Topic.ADDRESS: _take_address,
        Topic.SERVER: _take_server,
        Topic.USERNAME: _take_username,
        Topic.PASSWORD: _take_password,
        Topic.APP: _take_app,
        Topic.FAILURE: _take_remedy,
        Topic.MAILBOX: _take_mailbox,
        Topic.RECIPIENT: _take_recipient,
        Topic.DOMAINS: _take_domains,
        Topic.TARGET: _take_target,
        Topic.RETENTION: _take_retention,
        Topic.TENANT: _take_tenant,
        Topic.NAME: _take_name,
        Topic.CONFIRMATION: _take_confirmation,
    }
)
