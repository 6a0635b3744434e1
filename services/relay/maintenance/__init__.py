"""The relay's maintenance tasks: overdue mails, unneeded blobs, notices."""
