"""Alembic's entry: the migrations run on the connection, and in the transaction, that `upgrade` has
opened.
"""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,
    on_version_apply=context.config.attributes.get("on_version_apply"),
)
context.run_migrations()
