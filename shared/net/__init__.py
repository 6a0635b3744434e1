"""The network edge: dialling, TLS, deadlines, logging in. Only this package opens sockets to mail servers."""
