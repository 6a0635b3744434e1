"""Mails and parked recipients by what is known of them, in pages."""

from __future__ import annotations

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, exists, func, or_, select, tuple_, union

from shared.adapters.sql.engine import allow_scans
from shared.adapters.sql.searches import listed_parked, parked_places
from shared.adapters.sql.tables import KEPT, NAMED, SENT, messages, recipients
from shared.adapters.sql.text import key, searchable
from shared.adapters.sql.unit_of_work import Transaction, load_messages
from shared.custody.state import Message
from shared.model.mailbox import written_uids
from shared.model.message import IN_FLIGHT
from shared.model.tenant_room import tenant_of
from shared.ports.store.mails import MailQuery, ParkedPage, ParkedPlace, ParkedQuery, Scope
from shared.ports.store.operator import MailTotals

MESSAGE, RECIPIENT = messages.c, recipients.c


def mail_page(transaction: Transaction, query: MailQuery, limit: int) -> list[Message]:
    """Return up to `limit` mails, newest first.

    A recipient, a sender, a Message-ID, a UID and a tenant have an index each, which yields its newest mails.
    What has none (account, status, time) is compared mail by mail from the newest on.
    """
    if query.text:
        wanted = _named(query, limit)
    else:
        allow_scans(transaction.connection)
        wanted = select(MESSAGE.id).where(*_of_mails(query))
    ids = transaction.connection.execute(wanted.order_by(MESSAGE.id.desc()).limit(limit)).scalars().all()
    found = {each.id: each for each in load_messages(transaction, ids)}
    return [found[each] for each in ids]


def find_messages(
    transaction: Transaction, text: str, limit: int, tenant: str | None = None
) -> list[Message]:
    """Return messages by id, Message-ID, UID, or recipient (address or destination), newest first."""
    if not text.strip():
        return []
    return mail_page(transaction, MailQuery(Scope(tenant), text=text), limit)


def _named(query: MailQuery, limit: int) -> Select[str]:
    """Select the mails that have the text as id, Message-ID, UID or recipient, and all else that is asked.

    Ids are in the order of time, so each index yields its newest without a look at the rest.
    """
    text = query.text.strip()
    wanted, bare = key(text), searchable(text.removeprefix("<").removesuffix(">"))
    asked = _of_mails(query._replace(before=""))
    of_message, of_recipient = (
        select(column).order_by(column.desc()) for column in (MESSAGE.id, RECIPIENT.message)
    )
    if query.before:
        of_message = of_message.where(MESSAGE.id < key(query.before))
        of_recipient = of_recipient.where(RECIPIENT.message < key(query.before))
    of_asked = select(MESSAGE.id).where(*asked).order_by(MESSAGE.id.desc())
    if asked:
        of_recipient = of_recipient.where(exists().where(MESSAGE.id == RECIPIENT.message, *asked))
    by_message = (
        of_message.where(MESSAGE.id == wanted),
        of_message.where(NAMED, MESSAGE.message_id.in_([bare, f"<{bare}>"])),
        *(of_message.where(MESSAGE.uid == key(uid)) for uid in written_uids(text)),
    )
    ways = (
        # All else is compared apart: without statistics SQLite would read all mails of a tenant for the few.
        *(of_asked.where(MESSAGE.id.in_(way)) for way in by_message),
        of_recipient.where(RECIPIENT.address == wanted),
        of_recipient.where(RECIPIENT.destination == wanted, RECIPIENT.destination != RECIPIENT.address),
    )
    found = union(*(select(way.limit(limit).subquery().c[0]) for way in ways))
    return select(MESSAGE.id).where(MESSAGE.id.in_(found))


def _of_mails(query: MailQuery) -> list[ColumnElement[bool]]:
    """The conditions of a query, without the one of its text."""
    conditions = of_scope(query.scope)
    if query.before:
        conditions.append(MESSAGE.id < key(query.before))
    if query.recipient:
        conditions.append(MESSAGE.id.in_(_sent_to(query.recipient)))
    if query.message_id:
        bare = searchable(query.message_id.strip().removeprefix("<").removesuffix(">"))
        conditions.append(and_(NAMED, MESSAGE.message_id.in_([bare, f"<{bare}>"])))
    if query.sender:
        conditions.append(and_(SENT, func.lower(MESSAGE.reverse_path) == key(query.sender).lower()))
    if query.statuses:
        conditions.append(MESSAGE.status.in_([each.value for each in query.statuses]))
    if query.since is not None:
        conditions.append(MESSAGE.first_fetched_at >= query.since)
    if query.until is not None:
        conditions.append(MESSAGE.first_fetched_at < query.until)
    return conditions


def mail_totals(transaction: Transaction, tenant: str | None = None) -> MailTotals:
    """Return how many mails are on their way and recipients parked; of one tenant, or of all."""
    allow_scans(transaction.connection)
    of_tenant = [] if tenant is None else [MESSAGE.tenant == tenant]
    on_way = select(func.count()).select_from(messages)
    on_way = on_way.where(KEPT, MESSAGE.settled_at.is_(None), MESSAGE.status.in_([*map(str, IN_FLIGHT)]))
    parked = select(func.count()).select_from(recipients).where(RECIPIENT.parked_at.is_not(None))
    if tenant is not None:
        parked = parked.join(messages, MESSAGE.id == RECIPIENT.message)
    counts = [transaction.connection.scalar(each.where(*of_tenant)) for each in (on_way, parked)]
    return MailTotals(counts[0] or 0, counts[1] or 0)


def parked_page(transaction: Transaction, query: ParkedQuery, limit: int) -> ParkedPage:
    """Return up to `limit` parked recipients, oldest first, and where the next page begins."""
    places = parked_places().where(*_of_parked(query)).limit(limit + 1)
    found = listed_parked(transaction, places)
    page = found[:limit]
    last = page[-1] if len(found) > limit else None
    after = None if last is None else ParkedPlace(last.parked_at, last.message.id, last.recipient.address)
    return ParkedPage(page, after)


def parked_count(transaction: Transaction, query: ParkedQuery) -> int:
    """Return how many parked recipients match."""
    places = parked_places().where(*_of_parked(query)).order_by(None).subquery()
    found: int = transaction.connection.execute(select(func.count()).select_from(places)).scalar_one()
    return found


def _of_parked(query: ParkedQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if scoped := of_scope(query.scope):
        conditions.append(exists().where(MESSAGE.id == RECIPIENT.message, *scoped))
    if query.target:
        conditions.append(RECIPIENT.target == key(query.target))
    if query.recipient:
        wanted = key(query.recipient)
        conditions.append(or_(RECIPIENT.address == wanted, RECIPIENT.destination == wanted))
    if query.code:
        conditions.append(
            or_(
                RECIPIENT.code.startswith(key(query.code), autoescape=True),
                RECIPIENT.text.startswith(key(query.code), autoescape=True),
            )
        )
    if query.since is not None:
        conditions.append(RECIPIENT.parked_at >= query.since)
    if query.until is not None:
        conditions.append(RECIPIENT.parked_at < query.until)
    if query.after is not None:
        order = tuple_(RECIPIENT.parked_at, RECIPIENT.message, RECIPIENT.address)
        conditions.append(
            order > tuple_(query.after.parked_at, key(query.after.message), key(query.after.address))
        )
    return conditions


def _sent_to(address: str) -> CompoundSelect[str]:
    wanted = key(address)
    by_address = select(RECIPIENT.message).where(RECIPIENT.address == wanted)
    by_destination = select(RECIPIENT.message).where(
        RECIPIENT.destination == wanted, RECIPIENT.destination != RECIPIENT.address
    )
    return by_address.union(by_destination)


def of_scope(scope: Scope) -> list[ColumnElement[bool]]:
    """Return the conditions that a mail is in the scope."""
    conditions: list[ColumnElement[bool]] = []
    tenants = {tenant_of(each) for each in scope.accounts} if scope.tenant is None else {scope.tenant}
    if tenants:
        conditions.append(MESSAGE.tenant.in_([key(each) for each in sorted(tenants)]))
    if scope.accounts:
        conditions.append(MESSAGE.account.in_([key(each) for each in scope.accounts]))
    return conditions
