"""What the API has acknowledged is there after a kill, and what is asked for again is done once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.servers.api_client import LISTEN, ApiClient, served, token
from tests.servers.ferry import Ferry

TEXT = """
store.url = "sqlite:mailferry.db"
blobs.url = "file:blobs"
metrics.listen = ""
relay.helo_name = "mx.example"
control.requests_per_minute = 1000000
"""
KILLS = 3
WRITES = 25
"""Acknowledged writes of each writer before a kill."""
TARGET = {"url": "smtp://127.0.0.1:25", "tls": "off"}
ACCOUNT = {
    "source": "pop3://127.0.0.1:1",
    "tls": "off",
    "username": "a",
    "password": "b",
    "target": "first",
    "mailbox": "single",
    "recipient": "a@acme.example",
    "enabled": False,
}
HOOK = "https://hooks.example/"
KINDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "tenant": ("/tenants", lambda name: {"name": name}),
    "target": ("/targets", lambda name: {"name": name, **TARGET}),
    "account": ("/tenants/acme/accounts", lambda name: {"name": name, **ACCOUNT}),
    "token": ("/tokens", lambda name: {"name": name, "role": "operator"}),
    "webhook": ("/webhooks", lambda name: {"url": HOOK + name, "events": ["account.failing"]}),
}
SHOWN_ONCE = {"token", "webhook"}
"""Kinds whose answer has a secret, which is not kept for a repeated request."""


class Writer(threading.Thread):
    """Adds objects of one kind until the process is gone. `asked`: one more than were acknowledged, maybe."""

    def __init__(self, client: ApiClient, kind: str, number: int) -> None:
        super().__init__()
        self.client, self.kind, self.number = client, kind, number
        self.asked: list[str] = []
        self.acknowledged: list[str] = []
        self.enough = threading.Event()
        self.refused: list[object] = []

    def run(self) -> None:
        path, body = KINDS[self.kind]
        try:
            while True:
                name = f"{self.kind}-{self.number}-{len(self.asked)}"
                self.asked.append(name)
                status, answer = self.client.ask("POST", path, body(name), key=name)
                if status != 201:
                    self.refused.append(answer)
                    return
                self.acknowledged.append(name)
                if len(self.acknowledged) == WRITES:
                    self.enough.set()
        except (OSError, ValueError):
            return


def test_kills_lose_no_acknowledged_write_and_a_repeated_one_is_done_once(tmp_path: Path) -> None:
    with Ferry(tmp_path, TEXT) as ferry:
        secret = token(ferry)
        asked: dict[str, list[str]] = {kind: [] for kind in KINDS}
        acknowledged: dict[str, list[str]] = {kind: [] for kind in KINDS}
        for number in range(KILLS):
            process = ferry.start("run", **LISTEN)
            client = ApiClient(served(process), secret)
            if number == 0:
                assert client.ask("POST", "/tenants", {"name": "acme"})[0] == 201
                assert client.ask("POST", "/targets", {"name": "first", **TARGET})[0] == 201
            writers = [Writer(client, kind, number) for kind in KINDS]
            for writer in writers:
                writer.start()
            assert all(writer.enough.wait(60) for writer in writers)
            process.kill()
            for writer in writers:
                writer.join(60)
                assert not writer.refused
                assert len(writer.asked) - len(writer.acknowledged) <= 1
                asked[writer.kind] += writer.asked
                acknowledged[writer.kind] += writer.acknowledged
        client = ApiClient(served(ferry.start("run", **LISTEN)), secret)
        for kind, names in asked.items():
            path, body = KINDS[kind]
            answers = [client.ask("POST", path, body(name), key=name) for name in names]
            codes = Counter(answer["code"] for status, answer in answers if status != 201)
            assert codes.pop("still_running", 0) <= KILLS
            assert codes.keys() <= ({"shown_once"} if kind in SHOWN_ONCE else set())
        for kind, names in asked.items():
            found = Counter(listed(client, KINDS[kind][0]))
            assert {name: found[name] for name in acknowledged[kind]} == dict.fromkeys(acknowledged[kind], 1)
            assert max(found[name] for name in names) == 1


def listed(client: ApiClient, path: str) -> list[str]:
    """Return the names of all objects of a list, page by page; a webhook's is in its URL."""
    names: list[str] = []
    cursor = ""
    while True:
        status, page = client.ask("GET", f"{path}?limit=200{cursor}")
        assert status == 200, page
        names += [each["url"].removeprefix(HOOK) if "url" in each else each["name"] for each in page["items"]]
        if not page["next"]:
            return names
        cursor = f"&cursor={page['next']}"
