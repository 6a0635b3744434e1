"""What processes exchange: events, journal entries, their encoding, and the broker's topology."""
