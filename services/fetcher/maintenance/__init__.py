"""What the fetcher does beside its visits: leases, the backup marker, spooled mail, pruning."""
