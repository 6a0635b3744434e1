"""IMAP (RFC 3501, RFC 9051) as a source: a core without input or output, and a driver."""
