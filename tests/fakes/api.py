"""The API on a SQLite database, and callers of every role."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI

from services.control.app import PREFIX, build_app
from services.control.build import control_on
from services.control.state import Control, Tools
from services.fetcher.mailboxes.opening import open_account
from services.router.explaining import explain_mail
from shared.access import Role
from shared.adapters.sql import open_store
from shared.config import Configuration, from_mapping
from shared.model.spec import Kind, Manager
from shared.operations.context import open_context
from shared.operations.mailboxes import OpenMailbox
from shared.operations.objects import Actor
from shared.operations.people import NewToken
from shared.ports.store import Release, VisitReport
from shared.runtime.secret_box import open_secret_box
from tests.fakes.database import write_empty_database
from tests.fakes.memory_broker import memory_broker

TARGET = {"name": "exchange", "url": "smtp://127.0.0.1:25", "tls": "off"}
SETTINGS = {
    "source": "pop3://127.0.0.1",
    "tls": "off",
    "username": "info",
    "password": "canary-pass-9d1f",
    "target": "exchange",
    "mailbox": "single",
    "recipient": "info@acme.example",
}
CALLERS: Mapping[str, NewToken] = {
    "operator": NewToken("operator", Role.OPERATOR),
    "global support": NewToken("global support", Role.SUPPORT),
    "admin": NewToken("admin", Role.ADMIN, "acme"),
    "support": NewToken("support", Role.SUPPORT, "acme"),
    "owner": NewToken("owner", Role.OWNER, "acme", frozenset({"acme/info"})),
    "auditor": NewToken("auditor", Role.AUDITOR, "acme"),
    "foreign admin": NewToken("foreign admin", Role.ADMIN, "other"),
}


@dataclass(frozen=True, slots=True)
class Api:
    """The API with a token for each of `CALLERS`."""

    app: FastAPI
    control: Control
    tokens: Mapping[str, str]
    client: httpx2.AsyncClient
    database: Path

    async def ask(
        self, caller: str | None, method: str, path: str, json: object = None, **headers: str
    ) -> httpx2.Response:
        """Make a request; `headers` have `_` for `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if caller is not None:
            sent["Authorization"] = f"Bearer {self.tokens[caller]}"
        body: dict[str, Any] = {} if json is None else {"json": json}
        return await self.client.request(method, PREFIX + path, headers=sent, **body)


def api_configuration(
    directory: Path,
    apps: Sequence[object] = (),
    oidc: Mapping[str, object] | None = None,
    **control: object,
) -> Configuration:
    """A configuration on a SQLite database in `directory`, with these OAuth apps."""
    path = directory / "mailferry.db"
    write_empty_database(path)
    mapping = {
        "store": {"url": f"sqlite://{path}"},
        "blobs": {"url": (directory / "blobs").as_uri()},
        "relay": {"helo_name": "mx.example"},
        "control": {"requests_per_minute": 1_000_000, **control},
        "oauth_apps": [*apps],
        "oidc": dict(oidc or {}),
    }
    return from_mapping(mapping, {}, directory, "test")


@asynccontextmanager
async def open_api(
    directory: Path,
    open_mailbox: OpenMailbox = open_account,
    apps: Sequence[object] = (),
    oidc: Mapping[str, object] | None = None,
    **control: object,
) -> AsyncIterator[Api]:
    """Open the API, with the tenants acme and other, which have the account "info" each."""
    configuration = api_configuration(directory, apps, oidc, **control)
    store = open_store(configuration.store.url.get_secret_value())
    await open_secret_box(configuration, store.secrets)
    await store.close()
    async with open_context(configuration) as context:
        made = control_on(context, Tools(open_mailbox, explain_mail), memory_broker(context))
        actor = Actor(Manager.API, "test")
        await made.objects.add(Kind.TARGET, TARGET, actor)
        for tenant in ("acme", "other"):
            await made.objects.add(Kind.TENANT, {"name": tenant}, actor)
            await made.objects.add(Kind.ACCOUNT, {"tenant": tenant, "name": "info", **SETTINGS}, actor)
        tokens = {name: (await made.tokens.create(new))[1] for name, new in CALLERS.items()}
        app = build_app(made)
        transport = httpx2.ASGITransport(app, client=("192.0.2.9", 4321))
        async with httpx2.AsyncClient(transport=transport, base_url="https://api.example") as client:
            yield Api(app, made, tokens, client, directory / "mailferry.db")
        await made.logins.close()


async def use(api: Api, account: str, mails: int, ago: float = 0.0) -> None:
    """Let a visit have ended that fetched so many mails."""
    store = open_store(f"sqlite://{api.database}")
    now = api.control.context.clock.now() - ago
    [lease] = await store.fetcher.lease_these("me", [account], now, now + 60)
    report = VisitReport(fetched=mails, octets=mails * 1000)
    await store.fetcher.release_leases([Release(lease.fence, report, now, now)])
    await store.close()
