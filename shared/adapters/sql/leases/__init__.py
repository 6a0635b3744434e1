"""The accounts' schedule, and the leases by which one process at a time visits an account.

`ready_at` is when an account can be leased: the later of when it is due and when its lease ends. It is kept
beside both, so that finding the next accounts is one look into an index, however many accounts there are.
"""
