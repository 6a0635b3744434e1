"""The tables of the control service: people, what they may and did, and webhooks."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, LargeBinary, Table

from shared.adapters.sql.tables import BYTEWISE, SERIAL, metadata

users = Table(
    "users",
    metadata,
    Column("name", BYTEWISE, primary_key=True),
    Column("role", BYTEWISE, nullable=False),
    Column("tenant", BYTEWISE),
    Column("accounts", BYTEWISE, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("password", BYTEWISE),
    Column("failures", Integer, nullable=False),
    Column("locked_until", Double, nullable=False),
    Column("code_step", BigInteger, nullable=False),
    Column("subject", BYTEWISE),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", BYTEWISE, primary_key=True),
    Column("name", BYTEWISE, nullable=False),
    Column("prefix", BYTEWISE, nullable=False),
    Column("digest", BYTEWISE, nullable=False),
    Column("role", BYTEWISE, nullable=False),
    Column("tenant", BYTEWISE),
    Column("accounts", BYTEWISE, nullable=False),
    Column("scope", BYTEWISE),
    Column("created_by", BYTEWISE, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("used_at", Double),
    Column("revoked_at", Double),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", BYTEWISE, primary_key=True),
    Column("kind", BYTEWISE, nullable=False),
    Column("person", BYTEWISE, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("address", BYTEWISE, nullable=False, server_default=""),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("person", BYTEWISE, primary_key=True),
    Column("digest", BYTEWISE, primary_key=True),
)

audit = Table(
    "audit",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("who", BYTEWISE, nullable=False),
    Column("address", BYTEWISE, nullable=False),
    Column("action", BYTEWISE, nullable=False),
    Column("tenant", BYTEWISE),
    Column("object", BYTEWISE, nullable=False),
    Column("before", BYTEWISE),
    Column("after", BYTEWISE),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("owner", BYTEWISE, primary_key=True),
    Column("key", BYTEWISE, primary_key=True),
    Column("digest", BYTEWISE, nullable=False),
    Column("begun_at", Double, nullable=False),
    Column("status", Integer),
    Column("headers", BYTEWISE),
    Column("body", LargeBinary),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", BYTEWISE, primary_key=True),
    Column("tenant", BYTEWISE),
    Column("url", BYTEWISE, nullable=False),
    Column("events", BYTEWISE, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("revision", BigInteger, nullable=False),
)

webhook_states = Table(
    "webhook_states",
    metadata,
    Column("object", BYTEWISE, primary_key=True),
    Column("state", BYTEWISE, nullable=False),
    Column("since", Double, nullable=False),
)
"""The conditions that are noted. The name, and the state "good", are of a release that noted all states."""

events = Table(
    "events",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("event", BYTEWISE, nullable=False),
    Column("subject", BYTEWISE, nullable=False),
    Column("tenant", BYTEWISE),
    Column("account", BYTEWISE),
    Column("sentence", BYTEWISE, nullable=False),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", BYTEWISE, primary_key=True),
    Column("webhook", BYTEWISE, nullable=False),
    Column("event", BYTEWISE, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Double),
    Column("delivered_at", Double),
    Column("answer", BYTEWISE, nullable=False),
)

connect_links = Table(
    "connect_links",
    metadata,
    Column("id", BYTEWISE, primary_key=True),
    Column("digest", BYTEWISE, nullable=False),
    Column("tenant", BYTEWISE, nullable=False),
    Column("account", BYTEWISE, nullable=False),
    Column("keys", BYTEWISE),
    Column("created_by", BYTEWISE, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("opened_at", Double),
    Column("tries", Integer, nullable=False),
    Column("used_at", Double),
    Column("revoked_at", Double),
)

authorizations = Table(
    "authorizations",
    metadata,
    Column("digest", BYTEWISE, primary_key=True),
    Column("purpose", BYTEWISE, nullable=False),
    Column("subject", BYTEWISE, nullable=False),
    Column("who", BYTEWISE, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("key", BYTEWISE, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

login_tests = Table(
    "login_tests",
    metadata,
    Column("id", BYTEWISE, primary_key=True),
    Column("tenant", BYTEWISE, nullable=False),
    Column("account", BYTEWISE, nullable=False),
    Column("link", BYTEWISE, nullable=False),
    Column("who", BYTEWISE, nullable=False),
    Column("begun_at", Double, nullable=False),
    Column("report", BYTEWISE, nullable=False),
    Column("is_done", Boolean, nullable=False),
)

imports = Table(
    "imports",
    metadata,
    Column("id", BYTEWISE, primary_key=True),
    Column("tenant", BYTEWISE, nullable=False),
    Column("request", BYTEWISE, nullable=False),
    Column("created_by", BYTEWISE, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("holder", BYTEWISE, nullable=False),
    Column("busy_until", Double, nullable=False),
    Column("total", Integer),
    Column("done", Integer, nullable=False),
    Column("findings", BYTEWISE, nullable=False),
    Column("ended_at", Double),
    Column("problem", BYTEWISE, nullable=False),
)

import_rows = Table(
    "import_rows",
    metadata,
    Column("import", BYTEWISE, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("line", Integer, nullable=False),
    Column("account", BYTEWISE, nullable=False),
    Column("status", BYTEWISE, nullable=False),
    Column("sentence", BYTEWISE, nullable=False),
    Column("findings", BYTEWISE, nullable=False),
    sqlite_with_rowid=False,
)
