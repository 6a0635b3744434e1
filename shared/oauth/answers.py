"""What a token server's answer means, and who has to do what.

The code in `error` decides (RFC 6749, section 5.2; RFC 8628, section 3.5), and with Microsoft the number in
its description. What is no definite answer means "later": an outage is never taken for a refused login.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydantic import SecretStr

from shared.model.errors import quoted
from shared.model.oauth import Flow

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

_RETRY = frozenset(
    {"temporarily_unavailable", "server_error", "slow_down", "authorization_pending", "internal_failure",
     "rate_limit_exceeded", "backend_error", "Access Denied"}
)  # fmt: skip
_OWNER = frozenset(
    {"invalid_grant", "interaction_required", "login_required", "access_denied", "expired_token",
     "authorization_declined", "bad_verification_code", "invalid_code", "account_selection_required"}
)  # fmt: skip
_ADMIN = frozenset({"consent_required", "admin_policy_enforced", "account_restricted"})
_APP = frozenset(
    {"invalid_client", "unauthorized_client", "invalid_scope", "invalid_request", "unsupported_grant_type",
     "unsupported_response_type", "disabled_client", "deleted_client", "invalid_client_secret",
     "org_internal", "redirect_uri_mismatch", "invalid_redirect_uri", "invalid_resource"}
)  # fmt: skip
_AADSTS = re.compile(r"AADSTS(\d{4,8})")
CONSENT_MISSING = frozenset({"65001", "65004", "90094", "90095", "650052", "650056", "650057", "500011"})
"""Microsoft: the app was not consented to, or not for what it asks."""
ADMIN_BLOCKED = frozenset({"50057", "50105", "53000", "53001", "53002", "53003", "53004", "530003", "90093"})
"""Microsoft: the user is disabled or not assigned to the app, or a policy of the organisation blocks it."""
APP_UNKNOWN = frozenset({"700016", "7000215", "7000222", "7000218", "700027", "90002", "7000112", "900023"})
"""Microsoft: app, secret or directory are wrong, expired or disabled."""
TRANSIENT = frozenset({"90033", "50196", "90006", "90024", "50087", "90055"})
"""Microsoft: trouble of its own, or too many requests."""
_EXPIRED = "7000222"


def meaning(answer: Answer, flow: Flow = Flow.USER) -> Meaning:
    """Return what the answer to a request for tokens means."""
    said = _json(answer.body)
    if answer.status == 429 or answer.status >= 500 or answer.status in (408, 425):
        code, words = _told(said or {})
        what = f"The token server answered {answer.status}{_shown(code, words)}; it is asked again later."
        return RetryLater(what, answer.retry_after, code)
    if said is None:
        return RetryLater(
            f"The token server answered {answer.status} with something that is no JSON, as a proxy or a page "
            "about maintenance does; it is asked again later.",
            answer.retry_after,
        )
    code, words = _told(said)
    if code:
        return _failure(code, words, flow, answer.retry_after)
    if 200 <= answer.status < 300:
        return _tokens(said)
    return RetryLater(
        f"The token server answered {answer.status} without saying why; it is asked again later.",
        answer.retry_after,
    )


def unreachable(why: str) -> RetryLater:
    """Return what it means that no answer came; `why` is a clause."""
    return RetryLater(f"The token server gave no answer: {why}; it is asked again later.")


def refused_sign_in(code: str, words: str) -> Meaning:
    """Return what it means that the browser came back with an error (RFC 6749, section 4.1.2.1)."""
    return _failure(code, words, Flow.USER, None)


def _failure(code: str, words: str, flow: Flow, retry_after: float | None) -> Failure:
    numbers = frozenset(_AADSTS.findall(words))
    shown = _shown(code, words)
    if code in _RETRY or numbers & TRANSIENT:
        return RetryLater(f"The token server has no answer for now{shown}; it is asked again later.",
                          retry_after, code)  # fmt: skip
    if numbers & CONSENT_MISSING or code in _ADMIN:
        return NeedsAdmin(
            "An administrator of the mailbox's organisation has to grant the app the permissions that it "
            f"asks for{shown}.",
            code,
        )
    if numbers & ADMIN_BLOCKED:
        return NeedsAdmin(
            f"An administrator of the mailbox's organisation has to allow this user to use the app{shown}.",
            code,
        )
    if numbers & APP_UNKNOWN or code in _APP:
        return _broken_app(code, shown, numbers, flow)
    if flow is not Flow.USER and code in _OWNER:
        return _without_owner(code, shown, words)
    if code in _OWNER:
        return NeedsOwner(f"The owner of the mailbox has to sign in again{shown}.", code)
    return RetryLater(f"The token server refused for a reason that is not known{shown}; it is asked again "
                      "later.", retry_after, code)  # fmt: skip


def _broken_app(code: str, shown: str, numbers: frozenset[str], flow: Flow) -> Failure:
    if flow is Flow.SERVICE_ACCOUNT and code == "unauthorized_client":
        return NeedsAdmin(
            "An administrator of the Google Workspace has to allow the service account domain-wide "
            f"delegation for the scope of the app{shown}.",
            code,
        )
    if _EXPIRED in numbers:
        return AppBroken(
            f"The client secret of the app has expired: whoever runs Mailferry has to make a new one{shown}.",
            code,
        )
    return AppBroken(
        "The provider refuses the app itself: whoever runs Mailferry has to check its client id, client "
        f"secret, scopes and directory{shown}.",
        code,
    )


def _without_owner(code: str, shown: str, words: str) -> Failure:
    """What a refusal means where no owner can sign in."""
    if re.search(r"\b(iat|exp|short-lived|clock|timeframe)\b", words):
        return AppBroken(
            f"The provider does not accept the time of this machine: check its clock{shown}.", code
        )
    return NeedsAdmin(
        "An administrator of the mailbox's organisation has to check that the mailbox exists and that the "
        f"app may open it{shown}.",
        code,
    )


def _tokens(said: Mapping[str, Any]) -> Meaning:
    access = said.get("access_token")
    kind = said.get("token_type", "bearer")
    if (
        not _is_token(access)
        or not isinstance(kind, str)
        or kind.lower() not in ("bearer", "zoho-oauthtoken")
    ):
        return RetryLater("The token server's answer has no bearer token in it; it is asked again later.")
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
