"""A process keeps the tokens of its accounts, and needs nothing for that where none uses OAuth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared.config import Configuration, from_mapping
from shared.model.oauth import GrantState
from shared.runtime.opening import open_runtime
from shared.runtime.stop import Stop
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
    tmp_path: Path, server: AuthorizationServer
) -> None:
    configuration = configured(tmp_path, server, {"auth": "oauth", "oauth_app": "itself"})
    async with open_runtime(configuration) as runtime:
        token = await runtime.grants.access_token(configuration.grants[0])
        assert token.get_secret_value() == server.state.tokens[-1].access
        assert runtime.token_keeper is not None
        await runtime.token_keeper.round()
        [grant] = await runtime.store.oauth.grants()
        assert grant.state is GrantState.VALID
        stop = Stop()
        stop.request("the test is over")
        await runtime.token_keeper.run(stop)


async def test_tokens_are_sealed_in_the_database(tmp_path: Path, server: AuthorizationServer) -> None:
    configuration = configured(tmp_path, server, {"auth": "oauth", "oauth_app": "itself"})
    async with open_runtime(configuration) as runtime:
        token = await runtime.grants.access_token(configuration.grants[0])
        stored = await runtime.store.oauth.grant(configuration.grants[0].id)
        assert stored is not None
        assert stored.access is not None
        assert token.get_secret_value().encode() not in stored.access.data
    assert token.get_secret_value().encode() not in contents_of(tmp_path)


def contents_of(directory: Path) -> bytes:
    """All files in a directory, one behind the other."""
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())
