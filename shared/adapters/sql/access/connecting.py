"""Connect links, and sign-ins that were begun in a browser."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import ColumnElement, RowMapping, delete, insert, select, update

from shared.adapters.sql.access.tables import authorizations, connect_links
from shared.adapters.sql.oauth_grants import put_grant
from shared.adapters.sql.registry.saving import save_specs
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.sealed import Sealed
from shared.ports.store.onboarding import Authorization, ConnectLink, NewGrant
from shared.ports.store.registry import SpecChange

LINK, BEGUN = connect_links.c, authorizations.c
KEPT = 90 * 86400.0
"""Seconds for which a link is shown after its end: the audit knows longer who connected what."""
_PLAIN = (
    "id",
    "digest",
    "account",
    "created_by",
    "created_at",
    "expires_at",
    "opened_at",
    "tries",
    "used_at",
    "revoked_at",
)


def add_connect_link(transaction: Transaction, link: ConnectLink) -> None:
    """Write a new link; those that ended long ago are deleted."""
    transaction.connection.execute(delete(connect_links).where(LINK.expires_at < link.created_at - KEPT))
    values = {name: getattr(link, name) for name in _PLAIN}
    values["tenant"] = link.tenant
    values["keys"] = None if link.keys is None else json.dumps(link.keys, ensure_ascii=False, sort_keys=True)
    transaction.connection.execute(insert(connect_links).values(values))


def connect_link_of(transaction: Transaction, digest: str) -> ConnectLink | None:
    """Return the link with this digest."""
    return _found(transaction, LINK.digest == digest)


def connect_link_by_id(transaction: Transaction, link: str) -> ConnectLink | None:
    """Return the link with this id."""
    return _found(transaction, LINK.id == link)


def connect_links_before(
    transaction: Transaction, tenant: str, accounts: Sequence[str] | None, before: str, limit: int
) -> list[ConnectLink]:
    """Return up to `limit` links of a tenant, newest first."""
    query = select(connect_links).where(LINK.tenant == tenant).order_by(LINK.id.desc()).limit(limit)
    if before:
        query = query.where(LINK.id < before)
    if accounts is not None:
        query = query.where(LINK.account.in_(sorted(accounts)))
    return [_link(row) for row in transaction.connection.execute(query).mappings()]


def note_link_opened(transaction: Transaction, link: str, now: float) -> None:
    """Write when a link was opened first."""
    first = LINK.id == link, LINK.opened_at.is_(None)
    transaction.connection.execute(update(connect_links).where(*first).values(opened_at=float(now)))


def count_link_try(transaction: Transaction, link: str, most: int, now: float) -> bool:
    """Count a login that is tried by an open link; return whether it may be."""
    change = update(connect_links).where(*_open(link, now), LINK.tries < most)
    return transaction.connection.execute(change.values(tries=LINK.tries + 1)).rowcount == 1


def revoke_connect_link(transaction: Transaction, link: str, now: float) -> bool:
    """End a link; return whether it was open."""
    change = update(connect_links).where(*_open(link, now)).values(revoked_at=float(now))
    return transaction.connection.execute(change).rowcount == 1


def use_connect_link(
    transaction: Transaction, link: str, now: float, changes: Sequence[SpecChange], grant: NewGrant | None
) -> bool:
    """Use a link up, and write what its owner gave; return whether it was open."""
    change = update(connect_links).where(*_open(link, now)).values(used_at=float(now))
    if transaction.connection.execute(change).rowcount != 1:
        return False
    if changes:
        save_specs(transaction, changes, now)
    if grant is not None:
        put_grant(transaction, grant.id, grant.app, grant.username, now, grant.renewal)
    return True


def add_authorization(transaction: Transaction, authorization: Authorization) -> None:
    """Write a sign-in that begins; those that have expired by then are deleted."""
    connection = transaction.connection
    connection.execute(delete(authorizations).where(BEGUN.expires_at < authorization.created_at))
    values = {
        "digest": authorization.digest,
        "purpose": authorization.purpose,
        "subject": authorization.subject,
        "who": authorization.who,
        "created_at": authorization.created_at,
        "expires_at": authorization.expires_at,
        "key": authorization.sealed.key,
        "sealed": authorization.sealed.data,
    }
    connection.execute(insert(authorizations).values(values))


def take_authorization(transaction: Transaction, digest: str, now: float) -> Authorization | None:
    """Return a sign-in that has not expired, and forget it."""
    connection = transaction.connection
    row = connection.execute(select(authorizations).where(BEGUN.digest == digest)).first()
    if row is None or connection.execute(delete(authorizations).where(BEGUN.digest == digest)).rowcount != 1:
        return None
    found = Authorization(
        row.digest,
        row.purpose,
        row.subject,
        row.who,
        row.created_at,
        row.expires_at,
        Sealed(row.key, bytes(row.sealed)),
    )
    return found if found.expires_at > now else None


def _open(link: str, now: float) -> Sequence[ColumnElement[bool]]:
    return LINK.id == link, LINK.used_at.is_(None), LINK.revoked_at.is_(None), LINK.expires_at > float(now)


def _found(transaction: Transaction, wanted: ColumnElement[bool]) -> ConnectLink | None:
    row = transaction.connection.execute(select(connect_links).where(wanted)).mappings().first()
    return None if row is None else _link(row)


def _link(row: RowMapping) -> ConnectLink:
    keys = row["keys"]
    return ConnectLink(
        keys=None if keys is None else json.loads(keys), **{name: row[name] for name in _PLAIN}
    )
