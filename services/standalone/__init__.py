"""Fetcher, router and relay in one process: for one machine, for one pass, and for the demo."""
