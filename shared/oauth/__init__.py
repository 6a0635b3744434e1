"""OAuth 2: the requests for tokens, what the answers mean, and who keeps the tokens fresh."""
