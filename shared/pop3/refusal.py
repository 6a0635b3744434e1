"""What an -ERR means: from the response code where there is one, from well-known words where there is none.

A locked or busy mailbox must never count as a wrong password, since that stops an account for a long time; a
wrong password must never be retried quickly, since that locks it at the provider.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from shared.model.errors import quoted
from shared.model.source_errors import (
    CredentialsRefused,
    LoginTooSoon,
    MailboxLocked,
    SourceBusy,
    SourceError,
    SourceRefused,
)

_BY_CODE: Mapping[str, type[SourceError]] = MappingProxyType(
    {
        "IN-USE": MailboxLocked,
        "LOGIN-DELAY": LoginTooSoon,
        "AUTH": CredentialsRefused,
    }
)
KNOWN_CODES = frozenset({*_BY_CODE, "SYS/TEMP", "SYS/PERM"})
"""Response codes that mean something here (RFC 2449, section 8.1; RFC 3206)."""

_LOCKED = re.compile(
    rb"already (?:locked|in use|open)|is locked|lock(?:ed)? by|in use|unable to lock"
    rb"|maildrop.{0,20}lock|lock busy",
    re.IGNORECASE,
)
_TOO_SOON = re.compile(
    rb"too (?:many|often|frequent|soon)|throttl|rate limit|maximum number of connections|connection limit"
    rb"|poptoooften|login.?delay",
    re.IGNORECASE,
)
_TEMPORARY = re.compile(
    rb"tempor|try (?:again|later)|again later|not connected|unavailable|internal (?:server )?error"
    rb"|timed? ?out|busy|overload|maintenance",
    re.IGNORECASE,
)
_BUSY = re.compile(rb"not connected|backoff time", re.IGNORECASE)
_VERDICT = re.compile(
    rb"(?:auth\w*|log[- ]?(?:in|on)|sign[- ]?in)\W.{0,20}(?:fail|denied|incorrect|invalid|rejected)"
    rb"|(?:wrong|bad|invalid|incorrect|unknown|no such).{0,20}(?:pass|user|credential|login|account|mailbox)"
    rb"|(?:password|credential|username|login|account).{0,30}(?:wrong|bad|invalid|incorrect|mismatch|expired"
    rb"|not (?:correct|valid|match|accepted)|unknown|disabled)",
    re.IGNORECASE,
)
_BACKOFF = re.compile(rb"backoff time: ?(\d{1,9}) ?milliseconds", re.IGNORECASE)


def login_refused(action: str, code: str, text: bytes, complaint: str = "") -> SourceError:
    """The error for an -ERR that ends a login attempt; `action` begins the sentence ("Logging in to … as
    …"), `complaint` is what the server had to say about it before.
    """
    by_words: type[SourceError] = CredentialsRefused
    for pattern, kind in ((_LOCKED, MailboxLocked), (_TOO_SOON, LoginTooSoon), (_TEMPORARY, SourceRefused)):
        if pattern.search(text):
            by_words = kind
            break
    return _error(_kind_by_code(code) or by_words, action, code, text, complaint)


def refused(action: str, code: str, text: bytes) -> SourceError:
    """The error for an -ERR to anything else; temporary unless the server says that it is for good."""
    by_words = SourceBusy if _BUSY.search(text) or _TOO_SOON.search(text) else SourceRefused
    return _error(_kind_by_code(code) or by_words, action, code, text)


def mail_refused(action: str, code: str, text: bytes) -> SourceError:
    """The error for an -ERR in place of a mail, where a temporary trouble may be one of all mails."""
    if code == "SYS/TEMP":
        return _error(SourceBusy, action, code, text)
    return refused(action, code, text)


def is_verdict(code: str, text: bytes) -> bool:
    """Whether the server looked at the credentials and found them wrong.

    Otherwise it may have refused the method only, so that the next one is worth a try.
    """
    return code == "AUTH" or _VERDICT.search(text) is not None


def is_for_now(code: str, text: bytes) -> bool:
    """Whether a refusal is about the moment, by its code or in words, and not about the command."""
    by_words = (_BUSY, _TOO_SOON, _LOCKED, _TEMPORARY)
    return _kind_by_code(code) is not None or any(pattern.search(text) for pattern in by_words)


def _kind_by_code(code: str) -> type[SourceError] | None:
    if code.startswith("SYS/"):
        return SourceRefused
    return _BY_CODE.get(code)


def _error(kind: type[SourceError], action: str, code: str, text: bytes, complaint: str = "") -> SourceError:
    said = f"[{code}] " if code else ""
    said += quoted(text) + (f" ({complaint})" if complaint else "")
    backoff = _BACKOFF.search(text)
    return kind(
        f"{action} was refused: {said or 'no reason was given'}.".replace("..", "."),
        temporary=False if code == "SYS/PERM" else None,
        retry_after=int(backoff[1]) / 1000 if backoff else None,
    )
