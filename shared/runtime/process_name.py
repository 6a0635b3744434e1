"""The name of this process in leases, hints and the journal."""

from __future__ import annotations

import os
import socket


def process_name() -> str:
    """Return host and process id: unique among running processes, and fit for a routing key."""
    host = socket.gethostname().split(".")[0] or "localhost"
    return f"{host}-{os.getpid()}"
