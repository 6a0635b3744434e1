"""Why a visit failed, as one word for a metric (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from shared.model.errors import Fault, MailferryError
from shared.model.source_errors import (
    CredentialsRefused,
    EncryptionMissing,
    LimitExceeded,
    LoginMethodsExhausted,
    LoginTooSoon,
    MailboxLocked,
    PlaceTaken,
    SourceBusy,
    SourceRefused,
    SourceViolation,
)
from shared.net.errors import NameLookupFailed, NetworkError, TlsFailed
from shared.net.sasl import SaslError
from shared.ports.tokens import TokenUnavailable


class FailureReason(StrEnum):
    """What stood between us and the mail. `OURS`: broker, database, blobs or configuration."""

    NAME = "name"
    CONNECTION = "connection"
    TLS = "tls"
    LOGIN = "login"
    BUSY = "busy"
    REFUSED = "refused"
    PROTOCOL = "protocol"
    LIMIT = "limit"
    OURS = "ours"
    INTERNAL = "internal"


_BY_CLASS: Sequence[tuple[tuple[type[MailferryError], ...], FailureReason]] = (
    ((NameLookupFailed,), FailureReason.NAME),
    ((TlsFailed, EncryptionMissing), FailureReason.TLS),
    ((CredentialsRefused, LoginMethodsExhausted, TokenUnavailable, SaslError), FailureReason.LOGIN),
    ((MailboxLocked, SourceBusy, LoginTooSoon), FailureReason.BUSY),
    ((SourceRefused,), FailureReason.REFUSED),
    ((PlaceTaken,), FailureReason.CONNECTION),
    ((SourceViolation,), FailureReason.PROTOCOL),
    ((LimitExceeded,), FailureReason.LIMIT),
)
"""The first that fits."""


def failure_reason(error: MailferryError | None) -> FailureReason:
    """Return why a visit failed; without an error it was a bug."""
    if error is None:
        return FailureReason.INTERNAL
    for classes, reason in _BY_CLASS:
        if isinstance(error, classes):
            return reason
    if error.fault is not Fault.SOURCE:
        return FailureReason.OURS
    return FailureReason.CONNECTION if isinstance(error, NetworkError) else FailureReason.PROTOCOL
