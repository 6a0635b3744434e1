"""A source and a target that come with Mailferry, for its demonstration; no servers for real mail."""
