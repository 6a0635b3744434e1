"""Adapters: the ports, fulfilled by real brokers, stores, file systems and clocks."""
