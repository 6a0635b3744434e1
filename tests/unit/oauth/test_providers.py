"""Providers are known by name, or learnt from their discovery document."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.oauth.providers import (
    AOL,
    GOOGLE,
    MICROSOFT,
    PRESETS,
    ZOHO,
    UnfitDiscovery,
    discovered,
    is_safe_url,
)

URL = "https://id.example/.well-known/openid-configuration"
DOCUMENT = {
    "issuer": "https://id.example",
    "authorization_endpoint": "https://id.example/authorize",
    "token_endpoint": "https://id.example/token",
    "device_authorization_endpoint": "https://id.example/device",
    "revocation_endpoint": "https://id.example/revoke",
}


def test_a_discovery_document_names_the_endpoints() -> None:
    provider = discovered(DOCUMENT, URL)
    assert (provider.title, provider.token) == ("id.example", "https://id.example/token")
    assert (provider.device, provider.revocation) == (
        "https://id.example/device",
        "https://id.example/revoke",
    )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"issuer": "https://evil.example"}, "another one"),
        ({"issuer": None}, "another one"),
        ({"token_endpoint": "http://id.example/token"}, "no https address"),
        ({"token_endpoint": None}, 'has no "token_endpoint"'),
        ({"revocation_endpoint": 7}, "no https address"),
    ],
)
def test_a_document_that_cannot_be_trusted_is_refused(change: dict[str, object], match: str) -> None:
    with pytest.raises(UnfitDiscovery, match=match):
        discovered({**DOCUMENT, **change}, URL)
    with pytest.raises(UnfitDiscovery, match="no discovery document"):
        discovered([], URL)


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://id.example/token", True),
        ("http://localhost:8080/token", True),
        ("http://127.0.0.1/token", True),
        ("http://[::1]/token", True),
        ("http://id.example/token", False),
        ("http://localhost.evil.example/", False),
        ("https:///token", False),
        ("file:///etc/passwd", False),
        ("https://id.example:99999/", False),
    ],
)
def test_secrets_go_by_https_or_stay_on_this_machine(url: str, safe: bool) -> None:
    assert is_safe_url(url) is safe


@given(st.text())
def test_any_text_is_a_safe_url_or_none(text: str) -> None:
    assert is_safe_url(text) in (True, False)


def test_a_directory_is_a_name_and_no_path() -> None:
    assert (
        MICROSOFT.in_directory("acme.com").token
        == "https://login.microsoftonline.com/acme.com/oauth2/v2.0/token"
    )
    for wrong in ("", "../evil", "a/b", "a?b", "{directory}"):
        with pytest.raises(ValueError, match="expected a domain"):
            MICROSOFT.in_directory(wrong)


def test_zohos_users_are_in_one_of_its_data_centres_and_secrets_go_nowhere_else() -> None:
    there = ZOHO.in_directory("accounts.zoho.eu")
    assert there.token == "https://accounts.zoho.eu/oauth/v2/token"
    assert there.revocation == "https://accounts.zoho.eu/oauth/v2/token/revoke"
    assert ZOHO.in_directory(None).authorization == "https://accounts.zoho.com/oauth/v2/auth"
    with pytest.raises(ValueError, match=r"expected one of accounts\.zoho\.com"):
        ZOHO.in_directory("accounts.zoho.evil.example")


@pytest.mark.parametrize("name", PRESETS)
def test_every_known_provider_has_endpoints_to_which_secrets_may_be_sent(name: str) -> None:
    provider = PRESETS[name].in_directory(None)
    for url in (provider.authorization, provider.token, provider.device, provider.revocation):
        assert url is None or (is_safe_url(url) and "{" not in url)


def test_google_has_no_device_codes_for_mail_and_microsoft_and_aol_no_revocation() -> None:
    assert GOOGLE.device is None
    assert (MICROSOFT.revocation, AOL.revocation) == (None, None)
