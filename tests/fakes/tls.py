"""What only a test wants to know of a TLS connection."""

from __future__ import annotations

from typing import cast

from shared.net.connection import Connection


def is_resumed(connection: object) -> bool:
    """Return whether the connection resumed a TLS session, as OpenSSL says."""
    stream = cast(Connection, connection)._stream
    return bool(stream.transport.get_extra_info("ssl_object").session_reused)
