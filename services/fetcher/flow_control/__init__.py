"""How much may be on its way at once, and who waits for room or for arrivals."""
