"""The router: it finds the recipients of a mail and the reasons for them, and recognises copies."""
