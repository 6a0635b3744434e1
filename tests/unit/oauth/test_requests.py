"""The requests of OAuth 2 have what the RFCs and the providers want."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.model.oauth import Flow
from shared.oauth.app import OAuthApp, ServiceAccountKey
from shared.oauth.providers import GOOGLE, MICROSOFT, PRESETS, YAHOO
from shared.oauth.requests import (
    Request,
    SignInRefused,
    UnfitRedirect,
    code_of,
    device_authorization,
    device_poll,
    exchange,
    own_token,
    refresh,
    revocation,
    sign_in,
)

HERE = MICROSOFT.in_directory("acme.onmicrosoft.com")
APP = OAuthApp("microsoft", "client", HERE, client_secret=SecretStr("canary-secret"))
REDIRECT = "http://localhost:1234"


def form(request: Request) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(request.body, strict_parsing=True).items()}


def query(url: str) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}


def test_a_sign_in_is_bound_to_its_state_and_its_verifier() -> None:
    begun = sign_in(APP, HERE, REDIRECT, "imap", "bob@acme.com")
    asked = query(begun.url)
    assert begun.url.startswith(
        "https://login.microsoftonline.com/acme.onmicrosoft.com/oauth2/v2.0/authorize?"
    )
    assert asked["state"] == begun.state
    digest = base64.urlsafe_b64encode(sha256(begun.verifier.encode()).digest()).rstrip(b"=").decode()
    assert (asked["code_challenge"], asked["code_challenge_method"]) == (digest, "S256")
    assert (asked["redirect_uri"], asked["login_hint"]) == (REDIRECT, "bob@acme.com")
    assert "canary" not in begun.url
    assert begun.verifier not in repr(begun)


def test_only_the_right_of_the_accounts_protocol_is_asked_for() -> None:
    asked = query(sign_in(APP, HERE, REDIRECT, "pop3").url)["scope"].split()
    assert asked == ["https://outlook.office.com/POP.AccessAsUser.All", "offline_access", "openid", "email"]


def test_google_is_asked_for_a_refresh_token() -> None:
    asked = query(sign_in(replace(APP, provider=GOOGLE), GOOGLE, REDIRECT, "imap").url)
    assert (asked["access_type"], asked["prompt"]) == ("offline", "consent")
    assert "https://mail.google.com/" in asked["scope"]


def test_the_code_is_taken_from_the_answer_to_this_sign_in_alone() -> None:
    begun = sign_in(APP, HERE, REDIRECT, "imap")
    assert code_of(begun, f"{REDIRECT}/?code=abc&state={begun.state}") == "abc"
    with pytest.raises(UnfitRedirect, match="another sign-in"):
        code_of(begun, f"{REDIRECT}/?code=abc&state=wrong")
    for strange in ("hello", f"{REDIRECT}/", ""):
        with pytest.raises(UnfitRedirect, match="not the address to which a sign-in leads"):
            code_of(begun, strange)
    with pytest.raises(UnfitRedirect, match="no code"):
        code_of(begun, f"{REDIRECT}/?state={begun.state}")
    with pytest.raises(SignInRefused, match="access_denied"):
        code_of(begun, f"{REDIRECT}/?error=access_denied&state={begun.state}")


@given(st.text())
def test_no_text_but_the_answer_gives_a_code(text: str) -> None:
    begun = sign_in(APP, HERE, REDIRECT, "imap")
    with pytest.raises(UnfitRedirect, match="another sign-in"):
        code_of(begun, f"{REDIRECT}/?code=abc&state={text}")


def test_a_code_is_exchanged_with_the_verifier_and_the_same_redirect() -> None:
    begun = sign_in(APP, HERE, REDIRECT, "imap")
    sent = form(exchange(APP, HERE, begun, "abc"))
    assert sent == {
        "grant_type": "authorization_code",
        "redirect_uri": REDIRECT,
        "code": "abc",
        "code_verifier": begun.verifier,
        "client_id": "client",
        "client_secret": "canary-secret",
    }


def test_a_refresh_sends_the_refresh_token() -> None:
    request = refresh(APP, HERE, SecretStr("canary+refresh/="))
    assert form(request)["refresh_token"] == "canary+refresh/="
    assert request.url == HERE.token
    assert "canary" not in repr(request)


def test_an_app_without_a_secret_sends_its_id_alone() -> None:
    sent = form(refresh(replace(APP, client_secret=None), HERE, SecretStr("x")))
    assert sent["client_id"] == "client"
    assert "client_secret" not in sent


def test_a_device_is_shown_a_code_and_polls() -> None:
    sent = form(device_authorization(replace(APP, client_secret=None), HERE, "imap"))
    assert sent["scope"].startswith("https://outlook.office.com/IMAP.AccessAsUser.All")
    assert form(device_poll(APP, HERE, "dev"))["device_code"] == "dev"
    with pytest.raises(ValueError, match="no sign-in by device code"):
        device_authorization(APP, GOOGLE, "imap")


def test_an_app_signs_in_as_itself_for_everything_that_it_was_granted() -> None:
    sent = form(own_token(replace(APP, flow=Flow.CLIENT_CREDENTIALS), HERE, "bob@acme.com", 0))
    assert (sent["grant_type"], sent["scope"]) == (
        "client_credentials",
        "https://outlook.office365.com/.default",
    )


def test_a_service_account_signs_for_one_mailbox() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = ServiceAccountKey("robot@project.iam", "key 7", SecretStr(pem))
    app = OAuthApp("google", "", GOOGLE, Flow.SERVICE_ACCOUNT, service_account=account)
    request = own_token(app, GOOGLE, "bob@acme.com", 1_700_000_000)
    sent = form(request)
    assert sent["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + "==")) for part in sent["assertion"].split(".")[:2]
    )
    assert (header["alg"], header["kid"]) == ("RS256", "key 7")
    assert (claims["iss"], claims["sub"], claims["aud"]) == (
        "robot@project.iam",
        "bob@acme.com",
        GOOGLE.token,
    )
    assert (claims["iat"], claims["exp"]) == (1_700_000_000, 1_700_003_600)
    assert claims["scope"] == "https://mail.google.com/"


def test_a_grant_is_revoked_where_the_provider_takes_that() -> None:
    request = revocation(APP, GOOGLE, SecretStr("refresh"))
    assert request is not None
    assert (request.url, form(request)["token"]) == (GOOGLE.revocation, "refresh")
    assert revocation(APP, HERE, SecretStr("refresh")) is None


def test_every_preset_is_reached_by_https() -> None:
    for provider in PRESETS.values():
        urls = (provider.authorization, provider.token, provider.device, provider.revocation)
        assert all(each.startswith("https://") for each in urls if each)
    assert YAHOO.scopes == ("mail-w",)
