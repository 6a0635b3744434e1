from __future__ import annotations

import pytest

from services.fetcher.decide.failure_reason import FailureReason, failure_reason
from shared.model.errors import Fault, MailferryError
from shared.model.source_errors import (
    CredentialsRefused,
    EncryptionMissing,
    LoginTooSoon,
    PlaceTaken,
    SessionTooLong,
    SourceRefused,
    TokenRefused,
    WrongService,
)
from shared.net.errors import ConnectFailed, NameLookupFailed, TlsFailed
from shared.ports.store import StoreUnavailable
from shared.ports.tokens import TokenUnavailable
from tests.fakes.metrics import SERIES


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NameLookupFailed("no address", fault=Fault.SOURCE), "name"),
        (ConnectFailed("refused", fault=Fault.SOURCE), "connection"),
        (PlaceTaken("made no progress"), "connection"),
        (TlsFailed("handshake", fault=Fault.SOURCE), "tls"),
        (EncryptionMissing("no STLS"), "tls"),
        (CredentialsRefused("wrong password"), "login"),
        (TokenRefused("no mailbox for the app"), "login"),
        (TokenUnavailable("the owner has to sign in"), "login"),
        (LoginTooSoon("wait"), "busy"),
        (SourceRefused("no"), "refused"),
        (WrongService("speaks HTTP", b"HTTP"), "protocol"),
        (SessionTooLong("too much"), "limit"),
        (StoreUnavailable("away"), "ours"),
        (None, "internal"),
    ],
)
def test_each_failure_has_a_reason(error: MailferryError | None, reason: str) -> None:
    assert failure_reason(error) == reason


def test_every_reason_is_told_by_the_metric() -> None:
    meaning = SERIES["mailferry_provider_visit_failures_total"][1]
    assert all(reason.value in meaning for reason in FailureReason)
