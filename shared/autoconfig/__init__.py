"""Finds the server of a mailbox by its address (docs/adding-accounts.md)."""
