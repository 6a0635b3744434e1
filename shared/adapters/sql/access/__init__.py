"""People, tokens, sessions, the audit and webhooks in SQL."""
