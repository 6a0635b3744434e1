"""Migrations of the schema, run by `shared.adapters.sql.schema.upgrade`."""
