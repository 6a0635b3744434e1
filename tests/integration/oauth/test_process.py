"""A process keeps the tokens of its accounts, and needs nothing for that where none uses OAuth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.config import Configuration, from_mapping
from shared.model.errors import ConfigurationError
from shared.model.oauth import GrantState
from shared.ports.tokens import NO_GRANTS
from shared.runtime.oauth import opening
from shared.runtime.opening import open_runtime
from shared.runtime.stop import Stop
from tests.fakes.sealer import PlainSealer
from tests.servers.authorization_server import AuthorizationServer


def configured(directory: Path, server: AuthorizationServer, account: dict[str, Any]) -> Configuration:
    return from_mapping(
        {
            "relay": {"helo_name": "mx.example"},
            "store": {"url": f"sqlite://{directory}/mailferry.db"},
            "blobs": {"url": f"file://{directory}/blobs"},
            "oauth_apps": [
                {
                    "name": "itself",
                    "discovery": server.discovery,
                    "client_id": "itself",
                    "client_secret": "canary-secret",
                    "flow": "client-credentials",
                    "scopes": ["mail"],
                }
            ],
            "targets": [{"name": "out", "url": "smtp://localhost"}],
            "accounts": [
                {
                    "name": "box",
                    "source": "imaps://imap.example",
                    "username": "bob@acme.test",
                    "target": "out",
                    "mailbox": "single",
                    "recipient": "bob@corp.example",
                    **account,
                }
            ],
        },
        {},
        directory,
    )


async def test_a_process_keeps_the_tokens_of_its_accounts(
    tmp_path: Path, server: AuthorizationServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def plain_sealer(*_: object) -> PlainSealer:
        return PlainSealer()

    monkeypatch.setattr(opening, "open_sealer", plain_sealer)
    configuration = configured(tmp_path, server, {"auth": "oauth", "oauth_app": "itself"})
    async with open_runtime(configuration) as runtime:
        assert runtime.token_keeper is not None
        await runtime.token_keeper.round()
        [grant] = await runtime.store.oauth.grants()
        assert grant.state is GrantState.VALID
        token = await runtime.grants.access_token(configuration.grants[0])
        assert token.get_secret_value() == server.state.tokens[-1].access
        stop = Stop()
        stop.request("the test is over")
        await runtime.token_keeper.run(stop)


async def test_without_oauth_nothing_is_opened(tmp_path: Path, server: AuthorizationServer) -> None:
    async with open_runtime(configured(tmp_path, server, {"password": "x"})) as runtime:
        assert runtime.token_keeper is None
        assert runtime.grants is NO_GRANTS


async def test_without_a_key_for_secrets_no_process_starts_with_oauth(
    tmp_path: Path, server: AuthorizationServer
) -> None:
    configuration = configured(tmp_path, server, {"auth": "oauth", "oauth_app": "itself"})
    with pytest.raises(ConfigurationError, match="no key is configured"):
        async with open_runtime(configuration):
            pass
