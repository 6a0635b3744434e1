"""The way to each target: its connections, and whether it is busy or out of reach."""
