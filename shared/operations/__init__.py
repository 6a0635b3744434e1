"""What an operator can do: used by the command, and by the API."""
