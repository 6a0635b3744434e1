"""The router: recovers who is to get a mail and why, and recognises a mail that it has seen before."""
