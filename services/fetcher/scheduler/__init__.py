"""Which mailbox is visited when."""
