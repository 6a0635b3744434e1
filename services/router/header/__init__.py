"""What the bytes of a header say: its fields, addresses, Received lines, and the provider's part of it."""
