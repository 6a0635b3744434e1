"""One mail, from its event to what is to be recorded of it."""
