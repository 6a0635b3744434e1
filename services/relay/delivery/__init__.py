"""One attempt to deliver a mail, from its envelope to what is recorded of it."""
