"""The mailboxes that a fetcher visits: one module for each protocol."""
