"""An address is taken out of the journals of mails, and the tables are folded anew from them.

Only mails of which nothing is left to be done are changed. The claims of a mail belong to all its copies, so
copies are changed together or not at all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select

from shared.adapters.sql.claims import Claims
from shared.adapters.sql.journal_batches import Place, journals_of, rewrite_entries
from shared.adapters.sql.rows import MESSAGE, RECIPIENT, SUPPRESSION, entry_of, message_row, recipient_row
from shared.adapters.sql.tables import messages, recipients, suppressions
from shared.adapters.sql.unit_of_work import Transaction, UnitOfWork
from shared.contract.codec import JOURNAL_CODEC
from shared.contract.erasing import mentions, without
from shared.contract.journal import Entry
from shared.custody.fold import fold
from shared.custody.settlement import needs_raw_mail
from shared.custody.state import ClaimKey, Message

Numbered = tuple[Place, Entry]


def mails_mentioning(
    transaction: Transaction, ids: Collection[str], pattern: re.Pattern[str]
) -> dict[str, Sequence[Entry]]:
    """Return the journals of those of these mails in which the address is, by id."""
    return {
        name: [entry for _, entry in entries]
        for name, entries in _journals(transaction, ids).items()
        if any(mentions(entry, pattern) for _, entry in entries)
    }


def erase_in_mails(
    transaction: Transaction, ids: Collection[str], pattern: re.Pattern[str], stand_in: str
) -> list[Message]:
    """Put the stand-in in place of the address in these mails and their copies.

    Return the mails that were changed, as they are then. The others are in custody, or a copy of them is.
    """
    work = UnitOfWork(transaction)
    work.load(sorted({*ids, *_copies(transaction, ids)}))
    journals = _journals(transaction, work.messages, lock=True)
    found = {
        name: work.messages[name]
        for name, entries in journals.items()
        if any(mentions(entry, pattern) for _, entry in entries)
    }
    held = {_group(each) for each in found.values() if needs_raw_mail(each)}
    erased: list[Message] = []
    moved: dict[ClaimKey, ClaimKey] = {}
    bodies: dict[Place, bytes] = {}
    groups: defaultdict[object, list[Message]] = defaultdict(list)
    for message in found.values():
        if _group(message) not in held:
            groups[_group(message)].append(message)
    for copies in groups.values():
        after = {each.id: _without(journals[each.id], pattern, stand_in) for each in copies}
        folded = {name: _folded(entries) for name, entries in after.items()}
        if any(len(folded[each.id].recipients) != len(each.recipients) for each in copies):
            # Two spellings of the address are two recipients, which would become one.
            continue
        for each in copies:
            bodies.update((place, JOURNAL_CODEC.encode(entry)) for place, entry in after[each.id])
            for address in each.recipients:
                new = pattern.sub(stand_in, address)
                if new != address:
                    key = ClaimKey(each.tenant, address, each.identity)
                    moved[key] = key._replace(address=new)
            erased.append(folded[each.id])
    _write(transaction, erased, bodies)
    _move_suppressions(transaction, erased, pattern, stand_in)
    _move_claims(transaction, moved)
    return erased


def _group(message: Message) -> tuple[str, str]:
    """What copies have in common. A mail that was not routed has none."""
    return message.tenant, message.identity or message.id


def _copies(transaction: Transaction, ids: Collection[str]) -> list[str]:
    connection, bulk = transaction
    rows = bulk.select(connection, messages, ["id"], [(each,) for each in ids], fields=("tenant", "identity"))
    identities: defaultdict[str, list[str]] = defaultdict(list)
    for tenant, identity in rows:
        if identity:
            identities[tenant].append(identity)
    found: list[str] = []
    for tenant, several in identities.items():
        each = messages.c
        query = select(each.id).where(each.tenant == tenant, each.identity.in_(several))
        found += connection.execute(query).scalars()
    return found


def _journals(
    transaction: Transaction, ids: Collection[str], *, lock: bool = False
) -> dict[str, list[Numbered]]:
    """The entries of these mails, in their order."""
    found = journals_of(transaction, ids, lock=lock)
    return {name: [(place, entry_of(body)) for place, body in placed] for name, placed in found.items()}


def _without(entries: Sequence[Numbered], pattern: re.Pattern[str], stand_in: str) -> list[Numbered]:
    return [(place, without(entry, pattern, stand_in)) for place, entry in entries]


def _folded(entries: Sequence[Numbered]) -> Message:
    message: Message | None = None
    for _, entry in entries:
        message = fold(message, entry)
    assert message is not None, "a mail has entries"
    return message


def _write(transaction: Transaction, erased: Sequence[Message], bodies: Mapping[Place, bytes]) -> None:
    connection, bulk = transaction
    keys = [(each.id,) for each in erased]
    there = bulk.select(connection, recipients, ["message"], keys, fields=("message", "address"))
    rewrite_entries(transaction, bodies)
    with bulk.together(connection):
        bulk.update(connection, messages, MESSAGE, [*map(message_row, erased)])
        bulk.delete(connection, recipients, there)
        rows = [recipient_row(each, recipient) for each in erased for recipient in each.recipients.values()]
        bulk.insert(connection, recipients, RECIPIENT, rows)


def _move_suppressions(
    transaction: Transaction, erased: Sequence[Message], pattern: re.Pattern[str], stand_in: str
) -> None:
    connection, bulk = transaction
    keys = [(each.id,) for each in erased]
    rows = bulk.select(connection, suppressions, ["message"], keys, fields=SUPPRESSION)
    old = [row for row in rows if pattern.sub(stand_in, row[1]) != row[1]]
    bulk.delete(connection, suppressions, [tuple(row[:2]) for row in old])
    new = [(row[0], pattern.sub(stand_in, row[1]), *row[2:]) for row in old]
    bulk.put(connection, suppressions, SUPPRESSION, new)


def _move_claims(transaction: Transaction, moved: dict[ClaimKey, ClaimKey]) -> None:
    claims = Claims(transaction)
    claims.lock(moved)
    for old, new in moved.items():
        if (claim := claims.held.get(old)) is not None:
            claims.change(old, None)
            claims.change(new, claim)
    claims.save()
