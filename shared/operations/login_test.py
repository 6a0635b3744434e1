"""The result of a login test: what was found, or the step that failed and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from shared.model import source_errors as source
from shared.model.errors import MailferryError
from shared.model.oauth import GrantState
from shared.net import errors as net
from shared.net.sasl import SaslError, UnfitCredentials
from shared.ports.tokens import TokenUnavailable
from shared.smtp import errors as target

ShowLine = Callable[[str, str], None]
"""Is given each line of a dialogue: "C" or "S", and the line with its secrets masked."""
STEP_TIMEOUT = 30.0
"""Seconds for each step of a login test: an operator waits for it, so less than a service allows."""
CONNECT, TLS, GREETING, CAPABILITIES = "connect", "TLS", "greeting", "capabilities"
METHOD, CREDENTIALS, MAILBOX = "method", "credentials", "mailbox"
STEPS = ("name", CONNECT, TLS, GREETING, CAPABILITIES, METHOD, CREDENTIALS, MAILBOX)
"""In the order in which they are reached where TLS begins at once."""
APP, CONSENT, ADMIN_CONSENT, TOKEN_SERVER, RIGHT = (
    "app",
    "consent",
    "admin consent",
    "token server",
    "mailbox right",
)
CERTIFICATE = 'Check host name and certificate; name a certificate authority of your own in "ca_file".'

# In the advice about sources, `protocol` is "pop3" or "imap".
ADVICE: tuple[tuple[type[MailferryError], str, str], ...] = (
    (net.NameLookupFailed, "name", "Check the host's name, and this machine's DNS."),
    (net.ConnectFailed, CONNECT, "Check host and port, whether the server runs, and the firewalls between."),
    (
        net.TlsInjection,
        TLS,
        "Something on the way to the server tampers with the connection; find out what.",
    ),
    (net.CertificateNotPinned, TLS, 'If the certificate was renewed, write its fingerprint into "tls_pin".'),
    (net.NotTls, TLS, 'Correct the scheme, the port or "tls".'),
    (net.TlsFailed, TLS, CERTIFICATE),
    (target.CertificateUntrusted, TLS, CERTIFICATE),
    (
        source.EncryptionMissing,
        TLS,
        'Use the scheme {protocol}s, or, on a network you trust, tls = "off".',
    ),
    (
        target.TlsUnavailable,
        TLS,
        'Ask the target\'s operator for STARTTLS; or tls = "wanted" on a network you trust.',
    ),
    (
        source.TokenRefused,
        RIGHT,
        "Check the user name, that POP and IMAP are allowed for the mailbox, and the app's right to open it.",
    ),
    (
        source.CredentialsRefused,
        CREDENTIALS,
        "Check user name and password; some providers want an app password.",
    ),
    (source.LoginMethodsExhausted, METHOD, 'Add a method that the server offers to "auth".'),
    (
        source.MailboxLocked,
        MAILBOX,
        "Another program has the mailbox open, perhaps a running Mailferry. Try again.",
    ),
    (source.LoginTooSoon, MAILBOX, 'The provider wants fewer logins; wait, and choose a longer "poll".'),
    (
        target.TokenRefused,
        RIGHT,
        "Check the user name, that SMTP with a login is allowed for the mailbox, and that the app may send.",
    ),
    (target.LoginRefused, CREDENTIALS, "Check user name and password."),
    (
        target.LoginImpossible,
        METHOD,
        "Remove username and password if none are needed, or make TLS possible.",
    ),
    (TokenUnavailable, CREDENTIALS, "Check what renews the token, and who may read its file."),
    (UnfitCredentials, METHOD, 'Check user name and password, or name other methods in "auth".'),
    (SaslError, METHOD, "The server broke off the login; try another method."),
    (target.SessionRefused, GREETING, "The server refuses this machine; ask its operator to allow it."),
    (
        net.InactivityTimeout,
        GREETING,
        "The server sends nothing; check the port, and whether it expects TLS at once.",
    ),
    (net.DeadlineExceeded, GREETING, "The server is very slow; try again."),
    (net.ConnectionLost, GREETING, "The server hung up; it may block this machine, or expect TLS at once."),
    (target.WrongService, GREETING, "This does not look like an SMTP server; check scheme and port."),
    (
        target.ConnectionLost,
        GREETING,
        "The server hung up; it may block this machine, or expect TLS at once.",
    ),
    (source.NotPermitted, MAILBOX, "Check at the provider what this account may do, and by which protocols."),
    (source.SourceBusy, MAILBOX, "The server serves no mail for now; try again later."),
    (source.SourceRefused, MAILBOX, "The server's own words say why; try again later if it was busy."),
    (
        source.SourceViolation,
        GREETING,
        "This does not look like {article} {PROTOCOL} server; check scheme and port.",
    ),
    (target.ProtocolViolation, GREETING, "This does not look like an SMTP server; check the port."),
)

_ASKED_AGAIN = TOKEN_SERVER, "Wait: Mailferry asks again by itself, and no mail is lost meanwhile."
_SIGN_IN = CONSENT, "The owner of the mailbox signs in with `mailferry oauth connect`."
GRANT_ADVICE: Mapping[GrantState | None, tuple[str, str]] = MappingProxyType(
    {
        GrantState.APP_BROKEN: (APP, "Correct the app; `mailferry oauth app verify` tries it."),
        GrantState.NEEDS_OWNER: _SIGN_IN,
        GrantState.REVOKING: _SIGN_IN,
        GrantState.REVOKED: _SIGN_IN,
        GrantState.NEEDS_ADMIN: (
            ADMIN_CONSENT,
            "An administrator of the mailbox's organisation allows it; docs/oauth.md says where.",
        ),
        GrantState.RETRYING: _ASKED_AGAIN,
        GrantState.REFRESHING: _ASKED_AGAIN,
    }
)
"""What to do where a grant gives no token, by its state."""


@dataclass(frozen=True, slots=True)
class LoginTest:
    """What came of trying a server: `sentence` for people, `details` for programs.

    `kind` is "account" or "target". `step` is the step that failed; `advice` says what to do about it, or is
    a recommendation where nothing failed. `temporary`: trying again may help.
    """

    kind: str
    name: str
    server: str
    ok: bool
    sentence: str
    temporary: bool = False
    step: str | None = None
    advice: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)


def steps_of(test: LoginTest) -> list[tuple[str, bool]]:
    """Return the steps that were reached, each with whether it worked; none where that is not known."""
    if test.ok:
        return [(step, True) for step in STEPS]
    if test.step not in STEPS:
        return []
    failed = STEPS.index(test.step)
    return [*((step, True) for step in STEPS[:failed]), (STEPS[failed], False)]


def failed_login(
    kind: str,
    name: str,
    server: str,
    error: MailferryError,
    details: Mapping[str, object],
    protocol: str = "smtp",
) -> LoginTest:
    """Return the result of a test that ended with `error`."""
    step, what_to_do = advice(error, protocol)
    return LoginTest(kind, name, server, False, str(error), error.temporary, step, what_to_do, details)


def advice(error: MailferryError, protocol: str = "smtp") -> tuple[str, str]:
    """Return the step that failed, and what to do."""
    if isinstance(error, TokenUnavailable) and error.state in GRANT_ADVICE:
        return GRANT_ADVICE[error.state]
    for kind, step, sentence in ADVICE:
        if isinstance(error, kind):
            return step, sentence.format(
                protocol=protocol, PROTOCOL=protocol.upper(), article="an" if protocol == "imap" else "a"
            )
    return "session", "Try again; `--verbose` shows the dialogue."
