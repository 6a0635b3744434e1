"""What a token server's answer means, and who has to do what.

The code in `error` decides, and with Microsoft the number in its description (`refusals.py`). What is no
definite answer means "later": an outage is never taken for a refused login.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydantic import SecretStr

from shared.model.errors import quoted
from shared.model.oauth import Flow
from shared.oauth.refusals import Cause, cause_of, cause_without_owner

LATER, BY_YOU = "it is asked again later", "try again later"
"""What follows where nobody has to act, for a process that goes on and for a command that does not."""
DEFAULT_LIFETIME = 3600.0
"""Seconds, where the answer does not say. It is what nearly all providers use."""
SHORTEST_LIFETIME, LONGEST_LIFETIME = 1.0, 366 * 86400.0
LONGEST_RETRY_AFTER = 86400.0
LARGEST_TOKEN = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer by HTTP. `retry_after` are the seconds of the header of this name."""

    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Refreshed:
    """New tokens. `refresh_token` is None where the old one goes on. `lifetime` is in seconds."""

    access_token: SecretStr
    refresh_token: SecretStr | None
    lifetime: float
    scope: str | None = None
    id_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RetryLater:
    """No definite answer; `after` are the seconds that the server asks for, if it does."""

    sentence: str
    after: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class NeedsOwner:
    """The owner of the mailbox has to sign in again."""

    sentence: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class NeedsAdmin:
    """The administrator of the mailbox's organisation has to allow something."""

    sentence: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class AppBroken:
    """Whoever runs Mailferry has to correct the app; all of its grants are concerned."""

    sentence: str
    error: str = ""


Failure: TypeAlias = RetryLater | NeedsOwner | NeedsAdmin | AppBroken
Meaning: TypeAlias = Refreshed | Failure


def meaning(answer: Answer, flow: Flow = Flow.USER) -> Meaning:
    """Return what the answer to a request for tokens means."""
    said = _json(answer.body)
    if answer.status == 429 or answer.status >= 500 or answer.status in (408, 425):
        code, words = _told(said or {})
        what = f"The token server answered {answer.status}{_shown(code, words)}; {LATER}."
        return RetryLater(what, answer.retry_after, code)
    if said is None:
        return RetryLater(
            f"The token server answered {answer.status} with something that is no JSON, as a proxy or a page "
            f"about maintenance does; {LATER}.",
            answer.retry_after,
        )
    code, words = _told(said)
    if code:
        return _failure(code, words, flow, answer.retry_after)
    if 200 <= answer.status < 300:
        return _tokens(said)
    return RetryLater(
        f"The token server answered {answer.status} without saying why; {LATER}.",
        answer.retry_after,
    )


def unreachable(why: str) -> RetryLater:
    """Return what it means that no answer came; `why` is a clause."""
    return RetryLater(f"The token server gave no answer: {why}; {LATER}.")


def refused_sign_in(code: str, words: str) -> Meaning:
    """Return what it means that the browser came back with an error (RFC 6749, section 4.1.2.1)."""
    return _failure(code, words, Flow.USER, None)


def told_error(body: bytes) -> tuple[str, str]:
    """Return the code of an error, "" where there is none, and the server's words in brackets."""
    code, words = _told(_json(body) or {})
    return code, _shown(code, words)


def _failure(code: str, words: str, flow: Flow, retry_after: float | None) -> Failure:
    cause = cause_of(code, words) if flow is Flow.USER else cause_without_owner(code, words)
    if flow is Flow.SERVICE_ACCOUNT and code == "unauthorized_client":
        cause = Cause.DELEGATION
    shown = _shown(code, words)
    match cause:
        case None:
            what = f"The token server refused for a reason that is not known{shown}; {LATER}."
            return RetryLater(what, retry_after, code)
        case Cause.BUSY:
            return RetryLater(f"{cause.value}{shown}; {LATER}.", retry_after, code)
        case Cause.SIGN_IN:
            return NeedsOwner(f"{cause.value}{shown}.", code)
        case Cause.CONSENT | Cause.ACCESS | Cause.MAILBOX | Cause.DELEGATION:
            return NeedsAdmin(f"{cause.value}{shown}.", code)
        case Cause.APP | Cause.EXPIRED | Cause.KEY | Cause.CLOCK:
            return AppBroken(f"{cause.value}{shown}.", code)


def _tokens(said: Mapping[str, Any]) -> Meaning:
    access = said.get("access_token")
    kind = said.get("token_type", "bearer")
    if (
        not _is_token(access)
        or not isinstance(kind, str)
        or kind.lower() not in ("bearer", "zoho-oauthtoken")
    ):
        return RetryLater(f"The token server's answer has no bearer token in it; {LATER}.")
    refresh, scope, identity = said.get("refresh_token"), said.get("scope"), said.get("id_token")
    return Refreshed(
        SecretStr(str(access)),
        SecretStr(str(refresh)) if _is_token(refresh) else None,
        _lifetime(said.get("expires_in")),
        scope if isinstance(scope, str) else None,
        identity if isinstance(identity, str) else None,
    )


def _is_token(value: object) -> bool:
    return (
        isinstance(value, str) and 0 < len(value) <= LARGEST_TOKEN and value.isascii() and value.isprintable()
    )


def _lifetime(value: object) -> float:
    """Return the seconds that a token lives; some servers write them as text."""
    try:
        seconds = float(value) if isinstance(value, (int, float, str)) else DEFAULT_LIFETIME
    except (ValueError, OverflowError):
        return DEFAULT_LIFETIME
    if not math.isfinite(seconds):
        return DEFAULT_LIFETIME
    return min(LONGEST_LIFETIME, max(SHORTEST_LIFETIME, seconds))


def _json(body: bytes) -> Mapping[str, Any] | None:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _told(said: Mapping[str, Any]) -> tuple[str, str]:
    """Return the code and the words of an error; "" where there is none.

    Google's other interfaces nest them, and Microsoft adds a code of its own in `suberror`.
    """
    error = said.get("error")
    if isinstance(error, dict):
        return str(error.get("status", "error")).lower(), str(error.get("message", ""))
    if not isinstance(error, str) or not error:
        return "", ""
    extra = [said.get(key) for key in ("error_description", "error_subtype", "suberror")]
    return error, " ".join(each for each in extra if isinstance(each, str))


def _shown(code: str, words: str) -> str:
    """The server's own words in brackets, on one line."""
    told = ": ".join(each for each in (code, words.splitlines()[0] if words else "") if each)
    return f" ({quoted(told)})" if told else ""
