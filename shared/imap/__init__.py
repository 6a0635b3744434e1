"""IMAP (RFC 3501, RFC 9051) as a source: a protocol core without input or output."""
