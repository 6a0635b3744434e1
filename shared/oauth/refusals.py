"""Which codes of a token server mean what, as data; `docs/oauth.md` has the same table for operators.

The codes are those of RFC 6749 (section 5.2), RFC 8628 (section 3.5), OpenID Connect Core (section 3.1.2.6),
and those that Google, Microsoft and Zoho document beside them. Microsoft's numbers are read from its page of
error codes. It asks programs not to depend on them, as they may change: so they only decide who is named, and
how soon is tried again. A number that is not known leaves that to the code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

AADSTS = re.compile(r"AADSTS(\d{4,8})")


class Cause(Enum):
    """Why there is no token. The value is the sentence that says who has to do what."""

    BUSY = "The token server has no answer for now"
    SIGN_IN = "The owner of the mailbox has to sign in again"
    CONSENT = (
        "An administrator of the mailbox's organisation has to grant the app the permissions that it asks for"
    )
    ACCESS = "An administrator of the mailbox's organisation has to allow this user to use the app"
    MAILBOX = (
        "An administrator of the mailbox's organisation has to check that the mailbox exists and that the "
        "app may open it"
    )
    DELEGATION = (
        "An administrator of the Google Workspace has to allow the service account domain-wide delegation "
        "for the scope of the app"
    )
    APP = (
        "The provider refuses the app itself: whoever runs Mailferry has to check its client id, client "
        "secret, scopes and directory"
    )
    EXPIRED = "The client secret of the app has expired: whoever runs Mailferry has to make a new one"
    KEY = (
        "The provider does not accept the service account's key: whoever runs Mailferry has to make a new one"
    )
    CLOCK = (
        "The provider does not accept the time of this machine: whoever runs Mailferry has to check its clock"
    )


CODES: Mapping[str, Cause] = MappingProxyType(
    {
        "temporarily_unavailable": Cause.BUSY,
        "server_error": Cause.BUSY,
        "slow_down": Cause.BUSY,
        "authorization_pending": Cause.BUSY,
        "internal_failure": Cause.BUSY,
        "rate_limit_exceeded": Cause.BUSY,
        "backend_error": Cause.BUSY,
        # Zoho, for too many requests.
        "Access Denied": Cause.BUSY,
        "invalid_grant": Cause.SIGN_IN,
        "interaction_required": Cause.SIGN_IN,
        "login_required": Cause.SIGN_IN,
        "account_selection_required": Cause.SIGN_IN,
        "access_denied": Cause.SIGN_IN,
        "expired_token": Cause.SIGN_IN,
        # Microsoft's device codes.
        "authorization_declined": Cause.SIGN_IN,
        "bad_verification_code": Cause.SIGN_IN,
        # Zoho's name of invalid_grant.
        "invalid_code": Cause.SIGN_IN,
        "consent_required": Cause.CONSENT,
        # Google Workspace: the administrator has restricted the service.
        "admin_policy_enforced": Cause.ACCESS,
        "account_restricted": Cause.ACCESS,
        "invalid_client": Cause.APP,
        "unauthorized_client": Cause.APP,
        "invalid_scope": Cause.APP,
        "invalid_request": Cause.APP,
        "invalid_resource": Cause.APP,
        "unsupported_grant_type": Cause.APP,
        "unsupported_response_type": Cause.APP,
        "redirect_uri_mismatch": Cause.APP,
        "invalid_redirect_uri": Cause.APP,
        "invalid_client_secret": Cause.APP,
        # Google: the app was deleted or disabled, or is an internal one of another organisation.
        "deleted_client": Cause.APP,
        "disabled_client": Cause.APP,
        "org_internal": Cause.APP,
    }
)

_NUMBERS: Mapping[Cause, str] = {
    Cause.BUSY: "40010 50033 50087 50166 50196 70012 90006 90012 90024 90033 90055 90090 90091",
    Cause.EXPIRED: "7000222",
    # The user declined, or has yet to register a second factor.
    Cause.SIGN_IN: "65004 53004",
    Cause.CONSENT: "65001 90008 90094 90095 90099 500011 650052 650054 650056",
    Cause.ACCESS: (
        "16000 50002 50005 50014 50020 50034 50057 50105 50131 51004 53000 53001 53002 53003 53011 90072 "
        "90093 500021 500022 500212 500213 530003 530032 530035 1000031"
    ),
    Cause.APP: (
        "28002 50001 50011 50012 50194 65005 70001 70002 70011 90002 90124 90130 650057 700011 700016 700022 "
        "700025 700027 900023 7000112 7000215 7000218 9001023 9002332"
    ),
}
NUMBERS: Mapping[str, Cause] = MappingProxyType(
    {number: cause for cause, numbers in _NUMBERS.items() for number in numbers.split()}
)
"""Microsoft's numbers, AADSTS…"""


def cause_of(code: str, words: str) -> Cause | None:
    """Return what a refusal means by its code, and by Microsoft's number in its words; None if not known.

    Where the two differ the number is more exact. A server that says "later" is always taken at its word.
    """
    by_code = CODES.get(code)
    known = {NUMBERS[each] for each in AADSTS.findall(words) if each in NUMBERS}
    if by_code is Cause.BUSY or Cause.BUSY in known:
        return Cause.BUSY
    return next((cause for cause in _NUMBERS if cause in known), by_code)


def cause_without_owner(code: str, words: str) -> Cause | None:
    """Return what a refusal means where no owner can sign in: the app signs in as itself.

    A service account is told of a wrong time or key by `invalid_grant`, in words alone.
    """
    found = cause_of(code, words)
    if found is not Cause.SIGN_IN:
        return found
    if re.search(r"\bsignature\b", words, re.IGNORECASE):
        return Cause.KEY
    if re.search(r"\b(iat|exp|short-lived|clock|timeframe)\b", words):
        return Cause.CLOCK
    return Cause.MAILBOX
