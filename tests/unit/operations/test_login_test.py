from __future__ import annotations

from dataclasses import replace

import pytest

from shared.model import source_errors as source
from shared.model.errors import MailferryError
from shared.model.oauth import GrantState
from shared.net import errors as net
from shared.operations.login_test import ADVICE, CONNECT, STEPS, TLS, LoginTest, advice, steps_of
from shared.ports.tokens import TokenUnavailable
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
        (source.NotPermitted("x"), "mailbox"),
        (source.SourceBusy("x"), "mailbox"),
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


@pytest.mark.parametrize(
    ("protocol", "server", "scheme"),
    [("pop3", "a POP3 server", "pop3s"), ("imap", "an IMAP server", "imaps")],
)
def test_advice_about_a_source_names_its_protocol(protocol: str, server: str, scheme: str) -> None:
    assert f"does not look like {server};" in advice(source.SourceViolation("x"), protocol)[1]
    assert f"Use the scheme {scheme}," in advice(source.EncryptionMissing("x"), protocol)[1]


@pytest.mark.parametrize("protocol", ["pop3", "imap", "smtp"])
def test_no_advice_shows_a_gap_that_was_to_be_filled(protocol: str) -> None:
    for _, _, sentence in ADVICE:
        filled = sentence.format(protocol=protocol, PROTOCOL=protocol.upper(), article="a")
        assert not {"{", "}"} & set(filled)


def test_the_steps_of_a_failed_login_end_with_the_one_that_failed() -> None:
    worked = LoginTest("account", "acme/inbox", "pop.isp.example:995", ok=True, sentence="Logged in.")
    assert steps_of(worked) == [(step, True) for step in STEPS]
    failed = replace(worked, ok=False, step=TLS)
    assert steps_of(failed) == [("name", True), (CONNECT, True), (TLS, False)]
    assert steps_of(replace(failed, step="session")) == []


@pytest.mark.parametrize(
    ("state", "step", "who"),
    [
        (GrantState.APP_BROKEN, "app", "mailferry oauth app verify"),
        (GrantState.NEEDS_OWNER, "consent", "owner of the mailbox"),
        (GrantState.REVOKED, "consent", "owner of the mailbox"),
        (GrantState.NEEDS_ADMIN, "admin consent", "administrator"),
        (GrantState.RETRYING, "token server", "by itself"),
        (GrantState.REFRESHING, "token server", "by itself"),
        (None, "credentials", "renews the token"),
    ],
)
def test_a_missing_token_is_for_whom_its_grant_waits(state: GrantState | None, step: str, who: str) -> None:
    found = advice(TokenUnavailable("x", state=state))
    assert found[0] == step
    assert who in found[1]


def test_a_mailbox_that_refuses_a_fresh_token_lacks_a_right() -> None:
    assert advice(source.TokenRefused("x"), "imap")[0] == "mailbox right"
