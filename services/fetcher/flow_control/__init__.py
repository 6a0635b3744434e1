"""How much may be in flight at once, and which visits wait for room or for settlements."""
