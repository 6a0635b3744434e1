"""What the relay does beside its attempts: overdue mail, blobs that nobody needs, notices."""
