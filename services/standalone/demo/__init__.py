"""The demo: a source and a target that come with Mailferry, and mails between them. Not for real mail."""
