"""Reads the run control file of fetchmail: `lexer`, `parser`, and what the options become in `accounts`."""
