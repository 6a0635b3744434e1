"""Keeps the tokens of grants fresh, and gives them to who logs in."""
