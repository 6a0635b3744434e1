"""From the bytes of a mail to the ledger and the router."""
