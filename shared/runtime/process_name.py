"""The name of a process, as leases, hints and the journal know it."""

from __future__ import annotations

import os
import socket


def process_name() -> str:
    """Host and process id: a name that no other process has at the same time, fit for a routing key."""
    host = socket.gethostname().split(".")[0] or "localhost"
    return f"{host}-{os.getpid()}"
