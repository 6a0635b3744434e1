"""The response codes of POP3 (RFC 2449, section 8.1; RFC 3206)."""

from __future__ import annotations

from shared.model.source_errors import CredentialsRefused, LoginTooSoon, MailboxLocked, SourceRefused
from shared.net.login.refusal import Refusals

REFUSALS = Refusals(
    codes={
        "IN-USE": MailboxLocked,
        "LOGIN-DELAY": LoginTooSoon,
        "AUTH": CredentialsRefused,
        "SYS/": SourceRefused,
    },
    permanent={"SYS/PERM"},
    busy={"SYS/TEMP"},
)
KNOWN_CODES = frozenset({*REFUSALS.codes, *REFUSALS.permanent, *REFUSALS.busy})
