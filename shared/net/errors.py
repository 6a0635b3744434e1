"""What can go wrong between us and a server before any mail protocol is spoken.

All of it is temporary: cables, names and certificates get repaired. Whose fault it is depends on which side the server
is, so the caller of `dial` says it.
"""

from __future__ import annotations

from shared.model.errors import MailferryError


class NetworkError(MailferryError):
    """A step of the connection failed; the sentence names the step and the server."""


class NameLookupFailed(NetworkError):
    """The host name has no address, or nobody answered the question in time."""


class ConnectFailed(NetworkError):
    """No address of the host accepted the connection in time."""


class TlsFailed(NetworkError):
    """TLS did not come up: no handshake, no trust, or bytes in clear where TLS should have begun."""


class InactivityTimeout(NetworkError):
    """The server neither sent nor took a byte for the agreed number of seconds."""


class DeadlineExceeded(NetworkError):
    """The phase as a whole took longer than it may, although bytes kept coming."""


class ConnectionLost(NetworkError):
    """The connection broke, or the server closed it where it owed an answer."""
