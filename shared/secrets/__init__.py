"""Secrets as the database holds them: keys, sealing and unsealing. Pure; nothing here reads a file."""
