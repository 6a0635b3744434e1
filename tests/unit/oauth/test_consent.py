"""A consent counts for the mailbox that was meant, with the rights that were asked for."""

from __future__ import annotations

import base64
import json

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.oauth.answers import Refreshed
from shared.oauth.consent import identities, missing_scopes, objection

WANTED = ("https://mail.google.com/", "openid", "email")


def id_token(**claims: object) -> str:
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{part}.sig"


def tokens(scope: str | None = None, identity: str | None = None) -> Refreshed:
    return Refreshed(SecretStr("x"), None, 3600, scope, identity)


def test_a_right_that_was_not_granted_is_missing() -> None:
    assert missing_scopes(WANTED, "openid https://MAIL.google.com/") == ()
    assert missing_scopes(WANTED, None) == ()
    assert missing_scopes(WANTED, "openid email") == ("https://mail.google.com/",)
    assert missing_scopes(("https://outlook.office365.com/.default",), "other") == ()


def test_a_consent_of_the_owner_is_taken() -> None:
    who = id_token(email="Bob@acme.com")
    assert objection(tokens("https://mail.google.com/", who), WANTED, "bob@ACME.com") is None
    assert objection(tokens(), WANTED, "bob@acme.com") is None


def test_a_missing_right_and_another_person_are_refused() -> None:
    wrong = objection(tokens("openid", None), WANTED, "bob@acme.com")
    assert wrong is not None
    assert "https://mail.google.com/ is missing" in wrong
    other = objection(tokens(None, id_token(preferred_username="eve@acme.com")), WANTED, "bob@acme.com")
    assert other is not None
    assert "eve@acme.com signed in, but the mailbox is bob@acme.com" in other


@given(st.text())
def test_what_is_no_id_token_names_nobody(text: str) -> None:
    assert identities(text) == frozenset()
