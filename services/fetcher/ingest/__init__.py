"""From the octets of a mail to the ledger and the router."""
