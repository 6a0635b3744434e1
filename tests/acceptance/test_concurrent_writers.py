"""Fifty writers change one account at once: each wins, or is told that the account has changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers.api_client import LISTEN, ApiClient, served, token
from tests.servers.ferry import Ferry

TEXT = """
store.url = "sqlite:mailferry.db"
blobs.url = "file:blobs"
metrics.listen = ""
relay.helo_name = "mx.example"
control.requests_per_minute = 1000000
"""
WRITERS, READERS = 50, 10
"""Those that write what they read once, and those that read again until theirs is written."""
INFO = "/tenants/acme/accounts/info"
ACCOUNT = {
    "source": "pop3://127.0.0.1:1",
    "tls": "off",
    "username": "a",
    "password": "b",
    "target": "exchange",
    "name": "info",
    "mailbox": "single",
    "recipient": "a@acme.example",
    "enabled": False,
}


@pytest.fixture(params=["sqlite", "postgresql"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ApiClient]:
    text = TEXT
    if request.param == "postgresql":
        text = TEXT.replace("sqlite:mailferry.db", request.getfixturevalue("postgres_url"))
    with Ferry(tmp_path, text) as ferry:
        if request.param == "postgresql":
            assert ferry.call("db", "upgrade").code == 0
        made = ApiClient(served(ferry.start("run", **LISTEN)), token(ferry))
        assert made.ask("POST", "/tenants", {"name": "acme"})[0] == 201
        target = {"name": "exchange", "url": "smtp://127.0.0.1:25", "tls": "off"}
        assert made.ask("POST", "/targets", target)[0] == 201
        assert made.ask("POST", "/tenants/acme/accounts", ACCOUNT)[0] == 201
        yield made


def test_of_writers_that_read_the_same_one_wins_and_of_those_that_read_again_all_do(
    client: ApiClient,
) -> None:
    _, before = client.ask("GET", INFO)
    read = f'"{before["revision"]}"'

    def write(number: int) -> int:
        return client.ask("PATCH", INFO, {"username": f"u{number}"}, match=read)[0]

    def write_at_last(number: int) -> int:
        tries = 0
        while True:
            tries += 1
            seen = client.ask("GET", INFO)[1]["revision"]
            status, _ = client.ask("PATCH", INFO, {"username": f"w{number}"}, match=f'"{seen}"')
            if status == 200:
                return tries
            assert status == 412

    with ThreadPoolExecutor(WRITERS) as pool:
        assert Counter(pool.map(write, range(WRITERS))) == {200: 1, 412: WRITERS - 1}
        assert len(list(pool.map(write_at_last, range(READERS)))) == READERS
    _, after = client.ask("GET", INFO)
    assert after["revision"] == before["revision"] + 1 + READERS
    _, page = client.ask("GET", "/audit?limit=200")
    changes = [each for each in page["items"] if each["action"] == "account.change"]
    written = {each["after"]["username"] for each in changes}
    assert len(changes) == len(written) == 1 + READERS
    assert {name for name in written if name.startswith("w")} == {f"w{number}" for number in range(READERS)}
