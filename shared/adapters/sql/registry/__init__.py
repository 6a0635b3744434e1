"""The registry of tenants, targets and accounts in SQL."""
