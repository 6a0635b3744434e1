"""The kind of a mailbox, what it needs, and what follows for who gets its mail."""

from __future__ import annotations

from collections.abc import Collection

from shared.model.account import Dedup, MailboxKind, Routing
from shared.ops.config.layers import Layered
from shared.ops.config.problems import Problems
from shared.ops.config.schema import AccountEntry

CATCH_ALL_KEYS = ("domains", "recipient_headers", "unknown_recipients")


def routing(problems: Problems, entry: AccountEntry, layered: Layered) -> Routing | None:
    """Who gets the mail of an account; None after a problem was noted.

    A mailbox takes only the keys meant for its kind; the defaults may have those of the other.
    """
    if entry.mailbox is None:
        layered.note(problems, "mailbox", '"mailbox" is missing; it is "single" or "catch-all"')
        return None
    if MailboxKind(entry.mailbox) is MailboxKind.SINGLE:
        return _single(problems, entry, layered)
    return _catch_all(problems, entry, layered)


def _single(problems: Problems, entry: AccountEntry, layered: Layered) -> Routing | None:
    _note_useless(problems, CATCH_ALL_KEYS, layered, "single")
    if entry.recipient is None:
        layered.note(problems, "recipient", '"recipient" is missing: all mail of a single mailbox goes to it')
        return None
    return Routing(MailboxKind.SINGLE, recipient=entry.recipient, dedup=Dedup(entry.dedup))


def _catch_all(problems: Problems, entry: AccountEntry, layered: Layered) -> Routing | None:
    _note_useless(problems, ("recipient",), layered, "catch-all")
    if not entry.domains:
        layered.note(problems, "domains", '"domains" is missing: a catch-all mailbox has mail for these only')
        return None
    return Routing(
        MailboxKind.CATCH_ALL,
        domains=entry.domains,
        recipient_headers=entry.recipient_headers,
        unknown_recipients=entry.unknown_recipients,
        dedup=Dedup(entry.dedup),
    )


def _note_useless(problems: Problems, keys: Collection[str], layered: Layered, kind: str) -> None:
    for key in keys:
        if key in layered.own:
            layered.note(problems, key, f'"{key}" has no effect on a {kind} mailbox; remove it')
