"""The `mailferry` command: a file per noun. Each asks a port or starts a service, and says what came of it.

Tables and JSON go to standard output, errors to standard error as sentences. Exit codes: 0 done, 1 failed,
2 wrong usage, 75 failed or left for now, 78 the configuration cannot be used.
"""
