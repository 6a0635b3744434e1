"""Errors between us and a server before any mail protocol is spoken.

All network errors are temporary: cables, names and certificates get repaired. Whose fault an error is depends
on whose server it is, so the caller of `dial` says it.
"""

from __future__ import annotations

import os
import socket
import ssl

from shared.model.errors import Fault, MailferryError, quoted


class NetworkError(MailferryError):
    """A step of the connection failed. The sentence names the step and the server."""


class NameLookupFailed(NetworkError):
    """The host name has no address, or no name server answered in time."""


class AddressRefused(NetworkError):
    """The configuration forbids connections to the host's addresses."""

    fault = Fault.OPERATOR


class ConnectFailed(NetworkError):
    """No address of the host accepted the connection in time."""


class TlsFailed(NetworkError):
    """TLS was not established: the handshake failed, or the certificate is not trusted."""


class NotTls(TlsFailed):
    """The server answers a TLS handshake in clear. Scheme or port are wrong."""


class CertificateUntrusted(TlsFailed):
    """The server's certificate is not trusted: self-signed, expired, for another name.

    `reason` says why, as a part of a sentence.
    """

    def __init__(self, sentence: str, reason: str, *, fault: Fault | None = None) -> None:
        super().__init__(sentence, fault=fault)
        self.reason = reason


class TlsInjection(TlsFailed):
    """Octets came in clear where TLS should have begun. That is an attack, so nothing is sent in clear."""


class CertificateNotPinned(TlsFailed):
    """The server shows another certificate than the pinned one: it was renewed, or this is another server.

    Nothing is sent in clear.
    """


class InactivityTimeout(NetworkError):
    """The server neither sent nor took an octet for the agreed number of seconds."""


class DeadlineExceeded(NetworkError):
    """The whole phase took longer than it may, although octets kept coming."""


class ConnectionLost(NetworkError):
    """The connection broke, or the server closed it instead of answering."""


class Misused(MailferryError):
    """Our own code asked for a command where the protocol does not allow it: a defect of ours."""

    temporary = False
    fault = Fault.OURS


class Unsendable(MailferryError):
    """A value cannot be put into a command: it contains CR, LF or NUL, or the line would be too long.

    Nothing was sent.
    """

    temporary = False
    fault = Fault.OPERATOR


def reason_of(error: Exception) -> str:
    """Return why the system refused, as the end of a sentence."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted ({quoted(error.verify_message)})"
    if isinstance(error, ssl.SSLError):
        return quoted(error.reason or str(error) or "TLS error").replace("_", " ").lower()
    if isinstance(error, socket.gaierror):
        return quoted(error.strerror or str(error)).lower()
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return quoted(str(error) or type(error).__name__).removesuffix(".")


def tls_failed(server: str, error: Exception, fault: Fault) -> TlsFailed:
    """Return `TlsFailed` for an error of the TLS library or of the system below it."""
    sentence = f"TLS with {server} failed: {reason_of(error)}."
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateUntrusted(sentence, quoted(error.verify_message), fault=fault)
    return TlsFailed(sentence, fault=fault)
