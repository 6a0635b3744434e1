"""One visit of one mailbox, from the login to the report."""
