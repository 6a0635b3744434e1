"""Parses values of OAuth settings. Each function raises ValueError with a sentence."""

from __future__ import annotations

from datetime import UTC, date, datetime
from urllib.parse import urlsplit

from shared.oauth.providers import MICROSOFT, is_safe_url


def safe_url(value: object) -> str:
    """An address by https, or by http on this machine."""
    if isinstance(value, str) and is_safe_url(value):
        return value
    raise ValueError("expected an address that begins with https://")


def redirect(value: object) -> str:
    """The address that a browser is sent to; one of this machine may use http."""
    if isinstance(value, str) and is_safe_url(value) and not urlsplit(value).query:
        return value
    raise ValueError("expected an address that begins with https://, or with http://localhost")


def day(value: object) -> float:
    """A date; returns its beginning in UTC, as seconds since the epoch."""
    try:
        found = value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError:
        raise ValueError('expected a date such as "2027-06-30"') from None
    return datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp()


def directory(value: object) -> str:
    """The name of one of Microsoft's tenants, or the server of one of Zoho's data centres."""
    if not isinstance(value, str):
        raise ValueError("expected text in quotes")  # noqa: TRY004 - pydantic turns only ValueError into a sentence
    MICROSOFT.in_directory(value)
    return value


def scopes(value: object) -> tuple[str, ...]:
    """A list of scopes (RFC 6749, section 3.3)."""
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError("expected a list of scopes")
    for each in value:
        if not isinstance(each, str) or not each or not all("!" <= c <= "~" and c not in '"\\' for c in each):
            raise ValueError("a scope has no spaces, quotes or backslashes")
    return tuple(value)
