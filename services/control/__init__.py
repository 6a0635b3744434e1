"""The control service: the REST API on what an operator can do (`shared.operations`)."""
