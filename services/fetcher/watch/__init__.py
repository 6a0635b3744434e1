"""Mailboxes that stay open between two visits, and tell when mail comes."""
