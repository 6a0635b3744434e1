"""Which apps people of a tenant may have their mailboxes opened by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.model.oauth import Flow
from shared.oauth.app import OAuthApp
from shared.oauth.providers import MICROSOFT
from shared.operations.app_guard import AppUse, app_use

USER = OAuthApp("m", "id", MICROSOFT.in_directory("acme.com"))
ITSELF = replace(USER, flow=Flow.CLIENT_CREDENTIALS)
SIGNED = replace(USER, flow=Flow.SERVICE_ACCOUNT)


@pytest.mark.parametrize(
    ("app", "use"),
    [
        (USER, AppUse.ALLOWED),
        (ITSELF, AppUse.OPERATORS),
        (SIGNED, AppUse.OPERATORS),
        (replace(USER, tenant="acme"), AppUse.ALLOWED),
        (replace(ITSELF, tenant="acme"), AppUse.ALLOWED),
        (replace(SIGNED, tenant="acme"), AppUse.ALLOWED),
        (replace(USER, tenant="other"), AppUse.UNKNOWN),
        (replace(ITSELF, tenant="other"), AppUse.UNKNOWN),
        (replace(SIGNED, tenant="other"), AppUse.UNKNOWN),
        (None, AppUse.UNKNOWN),
    ],
)
def test_a_tenant_uses_its_own_apps_and_global_ones_that_owners_sign_in_to(
    app: OAuthApp | None, use: AppUse
) -> None:
    assert app_use(app, "acme") is use
