from __future__ import annotations

import pytest

from shared.model import source_errors as source
from shared.model.errors import MailferryError
from shared.net import errors as net
from shared.operations.login_test import ADVICE, advice
from shared.smtp import errors as target
from shared.smtp.reply import Reply

REPLY = Reply(554, (b"No",))


@pytest.mark.parametrize(
    ("error", "step"),
    [
        (net.NameLookupFailed("x"), "name"),
        (net.ConnectFailed("x"), "connect"),
        (net.TlsFailed("x"), "TLS"),
        (net.NotTls("x"), "TLS"),
        (source.EncryptionMissing("x"), "TLS"),
        (target.TlsUnavailable("x"), "TLS"),
        (source.CredentialsRefused("x"), "credentials"),
        (source.LoginMethodsExhausted("x"), "method"),
        (source.MailboxLocked("x"), "mailbox"),
        (target.LoginRefused("x", REPLY), "credentials"),
        (target.LoginImpossible("x"), "method"),
        (target.SessionRefused("x", REPLY), "greeting"),
        (net.ConnectionLost("x"), "greeting"),
        (target.ConnectionLost("x"), "greeting"),
        (source.SourceViolation("x"), "greeting"),
        (source.WrongService("x", b"* OK"), "greeting"),
        (target.WrongService("x"), "greeting"),
        (target.ProtocolViolation("x"), "greeting"),
        (MailferryError("x"), "session"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_each_error_tells_the_step_that_failed(error: MailferryError, step: str) -> None:
    assert advice(error)[0] == step


def test_no_advice_is_hidden_behind_that_for_a_more_general_error() -> None:
    kinds = [kind for kind, _, _ in ADVICE]
    hidden = [
        (later, earlier)
        for position, later in enumerate(kinds)
        for earlier in kinds[:position]
        if issubclass(later, earlier)
    ]
    assert hidden == []


def test_after_a_refused_login_user_name_and_password_are_to_be_checked_first() -> None:
    for error in (source.CredentialsRefused("x"), target.LoginRefused("x", REPLY)):
        assert advice(error)[1].startswith("Check user name and password")


def test_a_wrong_port_is_no_matter_of_certificates() -> None:
    assert "certificate" not in advice(net.NotTls("x"))[1]
