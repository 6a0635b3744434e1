"""The tables: the state of accounts, messages, recipients and claims, and the journal of its changes.

`messages`, `recipients` and `claims` are folds of the journal. `suppressions` are the recipients that were
suppressed, so that they can be counted. `skipped` are mails that were at their source before their account
began: they were never taken into custody, so the journal has nothing of them. Times are seconds since the
epoch. Text is compared byte by byte, so the order of the database is that of Python. There are no foreign
keys: the rows of a message are written in a transaction that holds the message's row.

Indexes and options that only the migrations use are in `indexes` and in the migrations: SQLAlchemy loads a
dialect for every option that it sees, and a process on SQLite would load that of PostgreSQL at its start.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

BYTEWISE = Text().with_variant(Text(collation="C"), "postgresql")
SERIAL = BigInteger().with_variant(Integer, "sqlite")

KEPT = text("NOT messages.gone")
UNSETTLED = text("messages.settled_at IS NULL")
UNBACKED = text("messages.unbacked")
NAMED = text("messages.message_id <> ''")
SENT = text("messages.reverse_path <> ''")
IN_NEED = text("oauth_grants.state IN ('needs owner', 'needs admin')")
READY = text("accounts.enabled AND NOT accounts.paused")
REMOVED = text("specs.removed_at IS NOT NULL")
"""The conditions of partial indexes in the words of these. SQLite uses an index for no other words, and would
read the whole table."""

metadata = MetaData()

accounts = Table(
    "accounts",
    metadata,
    Column("id", BYTEWISE, primary_key=True),
    Column("poll", Double, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("ready_at", Double, nullable=False),
    Column("lease_owner", BYTEWISE),
    Column("lease_until", Double),
    Column("fence", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("problem", BYTEWISE),
    Column("visited_at", Double),
    Column("succeeded_at", Double),
    Column("waiting", Integer, nullable=False),
    Column("host", BYTEWISE, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("method", BYTEWISE),
    Column("setbacks", BYTEWISE),
    Column("state", BYTEWISE),
    Column("began", BYTEWISE),
)

registry = Table(
    "registry",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
)

specs = Table(
    "specs",
    metadata,
    Column("kind", BYTEWISE, primary_key=True),
    Column("id", BYTEWISE, primary_key=True),
    Column("tenant", BYTEWISE, nullable=False),
    Column("target", BYTEWISE),
    Column("spec", BYTEWISE, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("managed_by", BYTEWISE, nullable=False),
    Column("origin", BYTEWISE, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
    Column("removed_at", Double),
    sqlite_with_rowid=False,
)

secrets = Table(
    "secrets",
    metadata,
    Column("kind", BYTEWISE, primary_key=True),
    Column("id", BYTEWISE, primary_key=True),
    Column("field", BYTEWISE, primary_key=True),
    Column("key", BYTEWISE, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("set_at", Double, nullable=False),
    sqlite_with_rowid=False,
)

oauth_apps = Table(
    "oauth_apps",
    metadata,
    Column("name", BYTEWISE, primary_key=True),
    Column("spec", BYTEWISE),
    Column("problem", BYTEWISE),
    Column("problem_since", Double),
    Column("retry_at", Double),
    Column("changed_at", Double, nullable=False),
    Column("removed_at", Double),
    Column("revision", Integer, nullable=False, server_default="1"),
    sqlite_with_rowid=False,
)

oauth_grants = Table(
    "oauth_grants",
    metadata,
    Column("id", BYTEWISE, primary_key=True),
    Column("app", BYTEWISE, nullable=False),
    Column("username", BYTEWISE, nullable=False),
    Column("state", BYTEWISE, nullable=False),
    Column("problem", BYTEWISE),
    Column("scope", BYTEWISE),
    Column("consented_at", Double, nullable=False),
    Column("issued_at", Double),
    Column("expires_at", Double),
    Column("due_at", Double),
    Column("refreshed_at", Double),
    Column("failures", Integer, nullable=False),
    Column("lease_owner", BYTEWISE),
    Column("lease_until", Double),
    Column("fence", BigInteger, nullable=False),
    Column("revoke_until", Double),
    sqlite_with_rowid=False,
)

usage = Table(
    "usage",
    metadata,
    Column("tenant", BYTEWISE, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("visits", BigInteger, nullable=False),
    Column("mails", BigInteger, nullable=False),
    Column("octets", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

hosts = Table(
    "hosts",
    metadata,
    Column("host", BYTEWISE, primary_key=True),
    Column("next_at", Double, nullable=False),
)

pauses = Table(
    "pauses",
    metadata,
    Column("scope", BYTEWISE, primary_key=True),
    Column("since", Double, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("id", BYTEWISE, primary_key=True),
    Column("tenant", BYTEWISE, nullable=False),
    Column("account", BYTEWISE, nullable=False),
    Column("folder", BYTEWISE, nullable=False),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("uid", BYTEWISE, nullable=False),
    Column("status", BYTEWISE, nullable=False),
    Column("fetch_no", Integer, nullable=False),
    Column("listed_size", BigInteger, nullable=False),
    Column("octets", BigInteger, nullable=False),
    Column("fetcher", BYTEWISE, nullable=False),
    Column("first_fetched_at", Double, nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("blob", BYTEWISE),
    Column("identity", BYTEWISE, nullable=False),
    Column("message_id", BYTEWISE, nullable=False),
    Column("reverse_path", BYTEWISE, nullable=False),
    Column("target", BYTEWISE, nullable=False),
    Column("evidence", BYTEWISE, nullable=False),
    Column("settled_at", Double),
    Column("gone", Boolean, nullable=False),
    Column("long_uid", BYTEWISE),
    Column("gone_at", Double),
    Column("unbacked", Boolean, nullable=False),
    Column("header", BYTEWISE, nullable=False),
    Column("content", BYTEWISE, nullable=False),
    Column("object_id", BYTEWISE),
    Column("journal_batches", Text, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)

recipients = Table(
    "recipients",
    metadata,
    Column("message", BYTEWISE, primary_key=True),
    Column("address", BYTEWISE, primary_key=True),
    Column("destination", BYTEWISE, nullable=False),
    Column("original", BYTEWISE, nullable=False),
    Column("reason", BYTEWISE, nullable=False),
    Column("status", BYTEWISE, nullable=False),
    Column("target", BYTEWISE, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("next_attempt_at", Double),
    Column("code", BYTEWISE, nullable=False),
    Column("text", BYTEWISE, nullable=False),
    Column("in_doubt", Integer, nullable=False),
    Column("parked_at", Double),
    Column("awaits", BYTEWISE),
    sqlite_with_rowid=False,
)

skipped = Table(
    "skipped",
    metadata,
    Column("account", BYTEWISE, primary_key=True),
    Column("folder", BYTEWISE, primary_key=True),
    Column("uidvalidity", BigInteger, primary_key=True, autoincrement=False),
    Column("uid", BYTEWISE, primary_key=True),
    Column("listed_size", BigInteger, nullable=False),
    Column("at", Double, nullable=False),
    Column("decided", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("message", BYTEWISE, primary_key=True),
    Column("address", BYTEWISE, primary_key=True),
    Column("account", BYTEWISE, nullable=False),
    Column("at", Double, nullable=False),
    sqlite_with_rowid=False,
)

outages = Table(
    "outages",
    metadata,
    Column("target", BYTEWISE, primary_key=True),
    Column("since", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("reason", BYTEWISE, nullable=False),
)

catch_alls = Table(
    "catch_alls",
    metadata,
    Column("target", BYTEWISE, primary_key=True),
    Column("domain", BYTEWISE, primary_key=True),
    Column("since", Double, nullable=False),
)

target_facts = Table(
    "target_facts",
    metadata,
    Column("target", BYTEWISE, primary_key=True),
    Column("kind", BYTEWISE, primary_key=True),
    Column("value", BYTEWISE, nullable=False),
    Column("since", Double, nullable=False),
    Column("until", Double, nullable=False),
)

notices = Table(
    "notices",
    metadata,
    Column("name", BYTEWISE, primary_key=True),
    Column("until", Double, nullable=False),
)

claims = Table(
    "claims",
    metadata,
    Column("tenant", BYTEWISE, primary_key=True),
    Column("address", BYTEWISE, primary_key=True),
    Column("identity", BYTEWISE, primary_key=True),
    Column("holder", BYTEWISE, nullable=False),
    Column("done", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

host_facts = Table(
    "host_facts",
    metadata,
    Column("kind", BYTEWISE, primary_key=True),
    Column("host", BYTEWISE, primary_key=True),
    Column("fact", BYTEWISE, primary_key=True),
    Column("number", Double, nullable=False),
    Column("until", Double, nullable=False),
    sqlite_with_rowid=False,
)

epoch = Table(
    "epoch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("store", BYTEWISE, nullable=False),
    Column("number", Integer, nullable=False),
    Column("mark", BigInteger, nullable=False),
    Column("paused_since", Double),
    Column("reason", BYTEWISE),
    Column("pruned_until", Double, nullable=False),
    Column("seen_at", Double),
    Column("copies_since", Double),
)

schema_compatibility = Table(
    "schema_compatibility",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("oldest", BYTEWISE, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("seq", SERIAL, primary_key=True, autoincrement=True),
    Column("message", BYTEWISE, nullable=False),
    Column("at", Double, nullable=False),
    Column("kind", BYTEWISE, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
