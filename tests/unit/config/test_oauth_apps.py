"""OAuth apps of the configuration, and the accounts and targets that use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.config import Configuration, from_mapping
from shared.config.show import shown
from shared.model.errors import ConfigurationError
from shared.model.oauth import Flow, GrantRef

APP = {"name": "microsoft", "provider": "microsoft", "client_id": "id", "client_secret": "canary"}
TARGET = {
    "name": "out",
    "url": "smtp://bob%40acme.com@smtp.example",
    "auth": "oauth",
    "oauth_app": "microsoft",
}
ACCOUNT = {
    "tenant": "acme",
    "name": "box",
    "source": "imaps://bob%40acme.com@imap.example",
    "auth": "oauth",
    "oauth_app": "microsoft",
    "target": "out",
    "mailbox": "single",
    "recipient": "bob@corp.example",
}


def configured(
    app: dict[str, Any], account: dict[str, Any] | None = None, base: Path = Path("/"), **target: Any
) -> Configuration:
    mapping = {
        "oauth_apps": [app],
        "targets": [{**TARGET, **target}],
        "accounts": [{**ACCOUNT, **(account or {})}],
    }
    return from_mapping(mapping, {}, base, host_name=lambda: "mx.example")


def problems(app: dict[str, Any], account: dict[str, Any] | None = None, **target: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        configured(app, account, **target)
    return str(caught.value)


def test_accounts_and_targets_log_in_by_their_grants() -> None:
    configuration = configured(APP)
    assert configuration.grants == [
        GrantRef("account:acme/box", "microsoft", "bob@acme.com", "imap"),
        GrantRef("target:out", "microsoft", "bob@acme.com", "smtp"),
    ]
    assert configuration.accounts["acme/box"].login.auth == ("xoauth2", "oauthbearer")
    credentials = configuration.targets["out"].credentials
    assert credentials is not None
    assert credentials.methods == ("XOAUTH2", "OAUTHBEARER")


def test_a_target_needs_no_methods_by_name() -> None:
    credentials = configured(APP, auth="auto").targets["out"].credentials
    assert credentials is not None
    assert credentials.methods == ("XOAUTH2", "OAUTHBEARER")


def test_an_app_has_its_providers_endpoints() -> None:
    app = configured({**APP, "directory": "acme.com", "secret_expires": "2027-01-01"}).oauth_apps["microsoft"]
    assert app.provider is not None
    assert app.provider.token == "https://login.microsoftonline.com/acme.com/oauth2/v2.0/token"
    assert app.secret_expires_at == 1798761600.0
    assert app.redirect == "http://localhost"


def test_no_secret_is_shown() -> None:
    configuration = configured(APP)
    text = shown(configuration)
    assert "canary" not in text + repr(configuration)
    assert "[[oauth_apps]]" in text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"provider": None}, 'give either "provider" or "discovery"'),
        ({"discovery": "https://id.example/x"}, 'give either "provider" or "discovery"'),
        ({"client_id": None}, '"client_id" is missing'),
        ({"flow": "service-account"}, '"service_account_file" belong together'),
        ({"flow": "client-credentials"}, "needs the tenant by name"),
        ({"provider": "google", "directory": "acme.com"}, '"directory" is for Microsoft and Zoho only'),
        (
            {"provider": "zoho", "directory": "acme.com", "scopes": ["m"]},
            "expected one of accounts.zoho.com",
        ),
        ({"testing": True}, '"testing" is for Google only'),
        ({"provider": "zoho"}, '"scopes" is missing'),
        ({"secret_expires": "soon"}, "expected a date"),
        ({"directory": "../x"}, "expected a domain"),
        ({"redirect": "http://mail.example/"}, "http://localhost"),
        ({"provider": None, "discovery": "http://id.example"}, "https://"),
    ],
)
def test_what_does_not_fit_is_a_problem(change: dict[str, Any], sentence: str) -> None:
    app = {key: value for key, value in {**APP, **change}.items() if value is not None}
    assert sentence in problems(app)


def test_a_password_or_a_token_beside_the_app_is_a_problem() -> None:
    assert "there is a password, too" in problems(APP, {"password": "x"})
    assert "there is a token, too" in problems(APP, {"token": "x"})
    assert "there is a token, too" in problems(APP, token="x")
    assert "takes a token" in problems(APP, {"auth": ["plain"]})


def test_a_service_account_is_its_file(tmp_path: Path) -> None:
    app = {
        "name": "microsoft",
        "provider": "google",
        "flow": "service-account",
        "service_account_file": "key.json",
    }
    key = {
        "client_email": "r@p.iam",
        "private_key_id": "7",
        "private_key": "-----BEGIN PRIVATE KEY-----canary",
    }
    (tmp_path / "key.json").write_text(json.dumps(key))
    made = configured(app, base=tmp_path).oauth_apps["microsoft"]
    assert (made.flow, made.client_id) == (Flow.SERVICE_ACCOUNT, "r@p.iam")
    assert "canary" not in repr(made)
    (tmp_path / "key.json").write_text('{"client_email": "canary"}')
    with pytest.raises(ConfigurationError, match=r"is not the JSON file") as caught:
        configured(app, base=tmp_path)
    assert "canary" not in str(caught.value)


def test_an_app_that_the_file_does_not_have_is_a_warning() -> None:
    assert not [each for each in configured(APP).warnings if "oauth_app" in each]
    warnings = [each for each in configured(APP, {"oauth_app": "microsft"}).warnings if "oauth_app" in each]
    assert len(warnings) == 1
    assert 'has to be in the database; did you mean "microsoft"?' in warnings[0]
