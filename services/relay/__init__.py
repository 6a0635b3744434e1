"""The relay: attempts delivery, records what became of each recipient, retries, parks."""
