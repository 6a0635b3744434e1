"""Surplus copies: more of them came by one account than the header names recipients.

A provider puts a copy into a catch-all mailbox for each recipient of the envelope. Where only To and Cc show
who they are, one copy more than they name is for somebody who is not named: a blind copy.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from shared.adapters.sql.claims import Claims
from shared.adapters.sql.rows import OBJECT_ID
from shared.adapters.sql.tables import messages
from shared.adapters.sql.unit_of_work import Transaction, UnitOfWork
from shared.custody import decide
from shared.custody.commands import RoutedMail
from shared.custody.state import Claim, ClaimKey, Message
from shared.model.mailbox import comparable_folder
from shared.ports.store import RawMailNeeded

COPIES_WITHIN = 5 * 24 * 3600.0
"""Seconds within which the copies of one mail come: senders try for four to five days (RFC 5321 section
4.5.4.1). A copy that comes later was put back into the mailbox, as from a backup.
"""
COPY = ("id", "account", "identity", "folder", "first_fetched_at")


class Copy(NamedTuple):
    """A copy of a mail in a folder; `object_id` is what the server calls the mail, in any folder."""

    folder: str
    object_id: str


def find_surplus(
    work: UnitOfWork, claims: Claims, mails: Sequence[RoutedMail], now: float
) -> dict[str, RoutedMail]:
    """Return those of the mails, by message, that are one copy more than their header names recipients.

    The claims are locked, so no other process counts the same copies now. Raises `RawMailNeeded`.
    """
    if not any(mail.surplus for mail in mails):
        return {}
    holders = {key: claim.holder for key, claim in claims.held.items()}
    awaited = [
        (known, mail)
        for mail in mails
        if (known := work.messages.get(mail.message)) and decide.awaits_routing(known, mail)
    ]
    candidates = [each for each in awaited if decide.may_be_surplus(*each, holders)]
    if not candidates:
        return {}
    others = _other_folders(candidates)
    copies = _copies(work.transaction, candidates, holders, others, now)
    names = _object_ids(work.transaction, [known.id for known, _ in awaited])
    may_be = {known.id for known, _ in candidates}
    found: dict[str, RoutedMail] = {}
    for known, mail in awaited:
        those = copies[known.account, mail.identity]
        if comparable_folder(known.key.folder) not in others.get(known.account, ()):
            those[known.id] = Copy(known.key.folder, names.get(known.id, ""))
        if known.id in may_be and _is_one_more(mail, _count_mails(those.values())):
            found[known.id] = mail
    if unsafe := {each for each, mail in found.items() if _is_unsafe(work.messages[each], mail)}:
        raise RawMailNeeded(frozenset(unsafe))
    return found


def take_for_surplus(
    work: UnitOfWork, claims: Claims, surplus: Mapping[str, RoutedMail]
) -> dict[ClaimKey, str]:
    """Take the claims for surplus copies, after all others; each for the first mail that needs it."""
    wanted: dict[ClaimKey, str] = {}
    for message, mail in surplus.items():
        key = decide.surplus_claim(work.messages[message], mail)
        if key is not None and key not in claims.held:
            wanted.setdefault(key, message)
    if wanted:
        claims.take(wanted)
    return wanted


def give_back_unused(work: UnitOfWork, claims: Claims, taken: Mapping[ClaimKey, str]) -> None:
    """Give up claims that were taken for a mail that is not a surplus copy after all."""
    for key, message in taken.items():
        unused = key.address not in work.messages[message].recipients
        if unused and claims.held.get(key) == Claim(message, done=False):
            claims.change(key, None)


def _is_one_more(mail: RoutedMail, copies: int) -> bool:
    """Copies of a mail without a Message-ID cannot be found by name: its second copy counts as one more."""
    assert mail.surplus is not None
    return copies > (mail.surplus.named if mail.message_id else 1)


def _count_mails(copies: Collection[Copy]) -> int:
    """Return how many mails these are: one that is in several folders counts once.

    A label of Gmail is a folder, and a mail with two labels is in both. In one folder, two are two mails.
    """
    in_folders = Counter(copies)
    most: dict[str, int] = {}
    for each, count in in_folders.items():
        if each.object_id:
            most[each.object_id] = max(most.get(each.object_id, 0), count)
    return sum(most.values()) + sum(count for each, count in in_folders.items() if not each.object_id)


def _object_ids(transaction: Transaction, ids: Sequence[str]) -> dict[str, str]:
    """Return what their servers call these messages, where they do."""
    connection, bulk = transaction
    keys = [(each,) for each in sorted(set(ids))]
    rows = bulk.select(connection, messages, ["id"], keys, fields=OBJECT_ID, only="t.object_id IS NOT NULL")
    return {row[0]: row[1] for row in rows}


def _is_unsafe(known: Message, mail: RoutedMail) -> bool:
    is_parked = mail.surplus is not None and mail.surplus.recipient.parked
    return is_parked and mail.blob is None and known.blob is None


def _other_folders(candidates: Sequence[tuple[Message, RoutedMail]]) -> Mapping[str, frozenset[str]]:
    """Return by account the folders whose copies have a recipient of their own."""
    return {known.account: mail.surplus.other_folders for known, mail in candidates if mail.surplus}


def _copies(
    transaction: Transaction,
    candidates: Sequence[tuple[Message, RoutedMail]],
    holders: Mapping[ClaimKey, str],
    others: Mapping[str, frozenset[str]],
    now: float,
) -> defaultdict[tuple[str, str], dict[str, Copy]]:
    """The known copies that came within `COPIES_WITHIN`, by account and identity; not those in `others`."""
    connection, bulk = transaction
    names = sorted({(mail.message_id,) for _, mail in candidates if mail.message_id})
    nameless = {
        key for known, mail in candidates if not mail.message_id for key in decide.claims_needed(known, mail)
    }
    rows = [
        *bulk.select(connection, messages, ["message_id"], names, fields=COPY, only="t.message_id <> ''"),
        *bulk.select(
            connection, messages, ["id"], sorted({(holders[key],) for key in nameless}), fields=COPY
        ),
    ]
    object_ids = _object_ids(transaction, [row[0] for row in rows])
    copies: defaultdict[tuple[str, str], dict[str, Copy]] = defaultdict(dict)
    for message, account, identity, folder, first_fetched_at in rows:
        is_other = comparable_folder(folder) in others.get(account, ())
        if first_fetched_at >= now - COPIES_WITHIN and not is_other:
            copies[account, identity][message] = Copy(folder, object_ids.get(message, ""))
    return copies
