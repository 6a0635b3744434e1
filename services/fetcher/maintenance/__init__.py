"""What the fetcher does beside its visits: leases, the epoch, spooled mail, and what can be forgotten."""
