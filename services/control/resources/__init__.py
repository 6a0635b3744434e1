"""The resources of the API: each parses a request, calls one operation, and shows its result."""
