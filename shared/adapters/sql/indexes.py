"""The indexes of the tables. The migrations create them; a test compares.

They cover columns that stay the same while a mail is on its way: `gone` in place of the status, and `awaits`,
`next_attempt_at` and `parked_at`, which are null for all but a few rows. So PostgreSQL can change rows in
place; it has room for that, as the migrations give messages, recipients and claims a fill factor of 50.

Only SQLite has an index of what is not settled: a process with the broker inside reads that at its start.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, Index, func, text

from shared.adapters.sql.access.tables import (
    api_tokens,
    audit,
    connect_links,
    events,
    idempotency_keys,
    imports,
    login_tests,
    sessions,
    webhook_deliveries,
)
from shared.adapters.sql.tables import (
    accounts,
    journal,
    messages,
    oauth_grants,
    recipients,
    secrets,
    skipped,
    specs,
    usage,
)


def _partial(
    name: str, column: ColumnElement[Any], *more: Column[Any], where: str, unique: bool = False
) -> Index:
    """An index of the rows for which `where` is true, in both databases."""
    only = text(where)
    return Index(name, column, *more, unique=unique, postgresql_where=only, sqlite_where=only)


INDEXES = (
    _partial("accounts_ready", accounts.c.ready_at, accounts.c.id, where="enabled AND NOT paused"),
    _partial("accounts_failing", accounts.c.id, where="failures > 0"),
    _partial("accounts_leased", accounts.c.host, where="lease_owner IS NOT NULL"),
    _partial(
        "messages_at_source",
        messages.c.account,
        messages.c.folder,
        messages.c.uidvalidity,
        messages.c.uid,
        where="NOT gone",
        unique=True,
    ),
    Index("messages_uid", messages.c.uid),
    Index("messages_tenant", messages.c.tenant, messages.c.id),
    Index("messages_unsettled", messages.c.id, sqlite_where=text("settled_at IS NULL")).ddl_if(
        dialect="sqlite"
    ),
    _partial("messages_unbacked", messages.c.id, where="unbacked"),
    _partial("messages_message_id", messages.c.message_id, where="message_id <> ''"),
    _partial(
        "messages_sender", func.lower(messages.c.reverse_path), messages.c.id, where="reverse_path <> ''"
    ),
    Index("recipients_address", recipients.c.address, recipients.c.message),
    _partial(
        "recipients_destination",
        recipients.c.destination,
        recipients.c.message,
        where="destination <> address",
    ),
    _partial("recipients_waiting", recipients.c.awaits, recipients.c.address, where="awaits IS NOT NULL"),
    _partial("recipients_next_attempt", recipients.c.next_attempt_at, where="next_attempt_at IS NOT NULL"),
    _partial("recipients_parked", recipients.c.parked_at, where="parked_at IS NOT NULL"),
    Index("skipped_uid", skipped.c.uid),
    Index("specs_revision", specs.c.revision),
    Index("specs_tenant", specs.c.kind, specs.c.tenant, specs.c.id),
    _partial("specs_removed", specs.c.kind, specs.c.id, where="removed_at IS NOT NULL"),
    _partial("specs_target", specs.c.target, where="target IS NOT NULL"),
    Index("secrets_key", secrets.c.key),
    _partial("oauth_grants_in_need", oauth_grants.c.id, where="state IN ('needs owner', 'needs admin')"),
    Index("oauth_grants_due", oauth_grants.c.due_at),
    Index("api_tokens_digest", api_tokens.c.digest, unique=True),
    Index("sessions_person", sessions.c.person),
    Index("sessions_expires_at", sessions.c.expires_at),
    Index("audit_tenant", audit.c.tenant, audit.c.number),
    Index("idempotency_keys_begun_at", idempotency_keys.c.begun_at),
    Index("webhook_deliveries_webhook", webhook_deliveries.c.webhook, webhook_deliveries.c.id),
    _partial("webhook_deliveries_next_at", webhook_deliveries.c.next_at, where="next_at IS NOT NULL"),
    Index("events_tenant", events.c.tenant, events.c.number),
    Index("events_at", events.c.at),
    Index("connect_links_digest", connect_links.c.digest, unique=True),
    Index("connect_links_tenant", connect_links.c.tenant, connect_links.c.id),
    Index("connect_links_expires_at", connect_links.c.expires_at),
    Index("login_tests_begun_at", login_tests.c.begun_at),
    Index("imports_tenant", imports.c.tenant, imports.c.id),
    _partial("imports_busy_until", imports.c.busy_until, where="ended_at IS NULL"),
    Index("usage_day", usage.c.day),
    Index("journal_message", journal.c.message, journal.c.seq),
)
"""Each is attached to its table by being created."""
