"""Ports: what a service may ask for, and what an adapter must fulfil."""
