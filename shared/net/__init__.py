"""The network edge: dialling, TLS, deadlines, and SASL; the only place that opens sockets to mail servers."""
