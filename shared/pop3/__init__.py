"""POP3 (RFC 1939) as a source: a protocol core without input or output, and the driver that speaks it over a
connection.
"""
