"""How a sign-in is doing is told with what will stop it, whichever way its app came."""

from __future__ import annotations

from pathlib import Path

from shared.access import Principal, Role
from shared.model.oauth import account_grant
from shared.model.spec import Kind, Manager
from shared.oauth.app import OAuthApp
from shared.oauth.providers import GOOGLE
from shared.operations.objects import Actor
from shared.operations.people import Doer
from shared.operations.permitted_accounts import PermittedAccounts
from shared.ports.store.oauth import AppWrite
from shared.runtime.oauth.apps import spec_of_app
from tests.fakes.api import SETTINGS, open_api

ACCOUNT = "acme/signed"


async def test_an_app_of_the_database_forecasts_the_end_of_its_sign_ins(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:
        context = api.control.context
        now = context.clock.now()
        app = OAuthApp("g", "id", GOOGLE, testing=True)
        await context.oauth.store.put_app(AppWrite("g", spec_of_app(app, None)), now)
        keys = {key: each for key, each in SETTINGS.items() if key not in {"password", "tls"}}
        keys |= {"tenant": "acme", "name": "signed", "source": "imaps://imap.gmail.com"}
        keys |= {"auth": "oauth", "oauth_app": "g", "username": "bob@gmail.com"}
        await api.control.objects.add(Kind.ACCOUNT, keys, Actor(Manager.API, "test"))
        await context.oauth.store.put_grant(account_grant(ACCOUNT), "g", "bob@gmail.com", now, None)
        accounts = PermittedAccounts(context, Principal("otto", Role.OPERATOR), Doer("otto", ""))
        status, _ = await accounts.show(ACCOUNT)
    assert "Testing" in status.sentence
