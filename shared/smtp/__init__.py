"""The SMTP client: a core without input or output (RFC 5321 and extensions), its driver, and a pool."""
