"""[[accounts]], each upon [defaults], to the accounts that mail is fetched from."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from shared.model.account import Account, Dedup, Login, MailboxKind, Patience, Routing
from shared.model.endpoint import Tls
from shared.model.errors import quoted
from shared.ops.config import servers
from shared.ops.config.context import Context
from shared.ops.config.locate import Path
from shared.ops.config.schema import DEFAULT_KEYS, DEFAULTS, SECRETS, AccountEntry
from shared.ops.config.secrets import without_rival_ways

Note = Callable[[str, str], None]
CATCH_ALL_KEYS = ("domains", "recipient_headers", "unknown_recipients")


@dataclass(frozen=True, slots=True)
class Layered:
    """An account's own keys over the defaults."""

    index: int
    own: dict[str, Any]
    defaults: dict[str, Any]

    def table(self) -> dict[str, Any]:
        """All keys; a way to give a secret takes the place of every way in the defaults."""
        inherited = self.defaults
        for secret in SECRETS:
            inherited = without_rival_ways(inherited, secret, self.own)
        return {**inherited, **self.own}

    def where(self, key: Path) -> Path:
        """The path where a key is written, which is in the defaults for an inherited one."""
        inherited = key[0] not in self.own and key[0] in self.defaults
        return (DEFAULTS, *key) if inherited else ("accounts", self.index, *key)


def build_accounts(
    context: Context, tables: list[dict[str, Any]], defaults: dict[str, Any], target_names: Collection[str]
) -> dict[str, Account]:
    """The valid accounts by id; everything else has been noted as a problem."""
    accounts: dict[str, Account] = {}
    for index, table in enumerate(tables):
        layered = Layered(index, table, defaults)
        entry = context.validated(AccountEntry, layered.table(), layered.where)
        if entry is None:
            continue
        account = _account(context, entry, layered, target_names)
        if account is None:
            continue
        if account.id in accounts:
            context.problems.add(
                layered.where(("name",)), '"name": the tenant has another account of this name'
            )
        accounts[account.id] = account
    return accounts


def checked_defaults(context: Context, table: dict[str, Any]) -> dict[str, Any]:
    """The defaults without unknown keys, after noting what is wrong in them even where no account uses it."""
    for key in table.keys() - DEFAULT_KEYS:
        context.problems.add_unknown((DEFAULTS, key), "key", DEFAULT_KEYS)
    known = {key: value for key, value in table.items() if key in DEFAULT_KEYS}
    try:
        AccountEntry.model_validate(known)
    except ValidationError as error:
        context.problems.add_invalid_present(lambda key: (DEFAULTS, *key), AccountEntry, error)
    return known


def _account(
    context: Context, entry: AccountEntry, layered: Layered, target_names: Collection[str]
) -> Account | None:
    _check_target(context, entry.target, layered, target_names)
    _check_mailbox(context, entry, layered)
    endpoint = servers.endpoint(context, entry, entry.source, layered.own, layered.where, Tls.REQUIRED)
    login = _login(context, entry, layered)
    if login is None:
        return None
    return Account(
        tenant=entry.tenant,
        name=entry.name,
        protocol="pop3",
        endpoint=endpoint,
        login=login,
        target=entry.target,
        routing=_routing(entry),
        retention=entry.retention,
        patience=Patience(entry.poll, entry.timeout, entry.retries, entry.retry_delay),
        max_messages=entry.max_messages,
        enabled=entry.enabled,
    )


def _check_target(context: Context, target: str, layered: Layered, known: Collection[str]) -> None:
    if target in known:
        return
    resembling = difflib.get_close_matches(target, known, n=1)
    hint = f'; did you mean "{quoted(resembling[0])}"?' if resembling else ""
    context.problems.add(layered.where(("target",)), f'"target": there is no target "{target}"{hint}')


def _check_mailbox(context: Context, entry: AccountEntry, layered: Layered) -> None:
    """What the kind of mailbox needs, and which of the account's own keys it makes useless."""

    def note(key: str, sentence: str) -> None:
        context.problems.add(layered.where((key,)), sentence)

    if MailboxKind(entry.mailbox) is MailboxKind.CATCH_ALL:
        if not entry.domains:
            note(
                "domains",
                '"domains" is missing: a catch-all mailbox accepts mail for these only',
            )
        _note_useless(("recipient",), layered, note, "catch-all")
    else:
        if entry.recipient is None:
            note("recipient", '"recipient" is missing: the mail of a single mailbox goes to that one address')
        _note_useless(CATCH_ALL_KEYS, layered, note, "single")


def _note_useless(
    keys: Collection[str], layered: Layered, note: Callable[[str, str], None], kind: str
) -> None:
    for key in keys:
        if key in layered.own:
            note(key, f'"{key}" has no effect on a {kind} mailbox; remove it')


def _login(context: Context, entry: AccountEntry, layered: Layered) -> Login | None:
    keys = layered.table().keys()
    username = servers.username(context, entry, entry.source, layered.where)
    password = servers.password(context, entry, entry.source, keys, layered.where)
    if username is None:
        context.problems.add(layered.where(("username",)), '"username" is missing; the URL may have it, too')
    if password is None and not servers.gives_password(keys):
        context.problems.add(
            layered.where(("password",)),
            'the password is missing; give "password", "password_file" or "password_env"',
        )
    if username is None or password is None:
        return None
    return Login(username, password, entry.auth)


def _routing(entry: AccountEntry) -> Routing:
    """A mailbox takes only the keys meant for its kind; defaults may have those of the other."""
    dedup = Dedup(entry.dedup)
    if MailboxKind(entry.mailbox) is MailboxKind.SINGLE:
        return Routing(MailboxKind.SINGLE, recipient=entry.recipient, dedup=dedup)
    return Routing(
        MailboxKind.CATCH_ALL,
        domains=entry.domains,
        recipient_headers=entry.recipient_headers,
        unknown_recipients=entry.unknown_recipients,
        dedup=dedup,
    )
