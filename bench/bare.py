"""The bare client: USER, PASS, UIDL and QUIT for one mailbox after the other, and nothing else.

What it reaches is what the server allows a client that costs nothing.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence

from bench.source import PASSWORD

OK = b"+OK"
PATIENCE = 30.0


def poll(port: int, name: str) -> None:
    """Make one visit. Raises if the server refuses a command."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _line(connection)
        for command in (f"USER {name}", f"PASS {PASSWORD}"):
            connection.sendall(command.encode() + b"\r\n")
            _line(connection)
        connection.sendall(b"UIDL\r\n")
        _until(connection, b".\r\n")
        connection.sendall(b"QUIT\r\n")
        _line(connection)


def poll_all(port: int, names: Sequence[str]) -> None:
    """Poll every mailbox once."""
    for name in names:
        poll(port, name)


def _line(connection: socket.socket) -> None:
    _until(connection, b"\r\n")


def _until(connection: socket.socket, end: bytes) -> None:
    data = b""
    while not data.endswith(end):
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("the server hung up")
        data += more
    if not data.startswith(OK):
        raise ConnectionError(data.decode("ascii", "replace"))


if __name__ == "__main__":
    poll_all(int(sys.argv[1]), sys.argv[2:])
