"""From an event to the command that records its mail."""
