"""Logging in, whatever the protocol: choosing methods, trying them, understanding refusals, and connecting
again with less where a server hangs up on what it announced.
"""
