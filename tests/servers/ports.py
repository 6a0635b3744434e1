"""Free ports on the loopback address, and whether a server listens there."""

from __future__ import annotations

import random
import socket
import ssl

LOOPBACK = "127.0.0.1"
BELOW_EPHEMERAL = range(10_240, 32_768)
"""Outside the range from which Linux takes ports for outgoing connections: a server that is killed and
started again finds its port still free."""


def free_port() -> int:
    """A TCP port on which nothing listens; chosen at random so that parallel tests choose different ones."""
    for port in random.sample(BELOW_EPHEMERAL, 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise OSError("no free TCP port found on the loopback address")


def accepts(port: int) -> bool:
    """Whether a connection to `port` is accepted."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def greets(port: int, expected: bytes, *, says: bytes = b"", tls: bool = False) -> bool:
    """Whether the first answer, after we said `says`, is `expected`: the protocol on that port is ready."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as plain:
            connection = _unverified().wrap_socket(plain) if tls else plain
            with connection:
                connection.sendall(says)
                return connection.recv(512).startswith(expected)
    except OSError:
        return False


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
