"""The API of a running process: the first sign-in, tokens by command, and what a kill leaves."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.control.server import HEAD_DEADLINE
from tests.servers.ferry import Ferry, FerryProcess

TEXT = """
store.url = "sqlite:mailferry.db"
blobs.url = "file:blobs"
metrics.listen = ""
relay.helo_name = "mx.example"
"""
LISTEN = {"MAILFERRY_CONTROL__LISTEN": "127.0.0.1:0"}


class Client:
    """Asks one API with one token."""

    def __init__(self, port: int, token: str = "") -> None:
        self.base = f"http://127.0.0.1:{port}/api/v1"
        self.token = token

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        head = {"Content-Type": "application/json", "If-Match": "*"}
        if self.token:
            head["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.base + path, data, head, method=method)  # noqa: S310 - our own URL
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:  # noqa: S310 - as above
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())


@pytest.fixture
def ferry(tmp_path: Path) -> Iterator[Ferry]:
    with Ferry(tmp_path, TEXT) as made:
        yield made


def served(process: FerryProcess) -> int:
    process.wait_until(lambda: process.said("API served"))
    port: int = process.said("API served")[-1]["port"]
    return port


def token(ferry: Ferry, *options: str) -> str:
    made = ferry.call("token", "create", "test", *(options or ("--role", "operator")))
    assert made.code == 0, made.err
    return made.out.strip()


def test_the_first_start_shows_a_link_that_signs_in_once(ferry: Ferry) -> None:
    process = ferry.start("run", **LISTEN).ready()
    port = served(process)
    [secret] = re.findall(r"/sign-in#(\S+)", process.output)
    client = Client(port)
    status, me = client.ask("POST", "/sessions/by-link", {"secret": secret})
    assert (status, me["role"]) == (200, "operator")
    assert client.ask("POST", "/sessions/by-link", {"secret": secret})[0] == 401
    process.kill()
    again = ferry.start("run", **LISTEN).ready()
    assert "/sign-in#" not in again.output


def test_tokens_are_made_listed_and_revoked_by_command_while_it_runs(ferry: Ferry) -> None:
    client = Client(served(ferry.start("run", **LISTEN)), token(ferry))
    assert client.ask("GET", "/status")[0] == 200
    [listed] = json.loads(ferry.call("token", "list", "-o", "json").out)
    assert client.token not in json.dumps(listed)
    assert ferry.call("token", "revoke", listed["id"]).code == 0
    assert client.ask("GET", "/status")[0] == 401


def test_people_are_added_listed_and_removed_by_command(ferry: Ferry) -> None:
    added = ferry.call("user", "add", "Otto", "--role", "operator")
    assert "/sign-in#" in added.out, added.err
    [listed] = json.loads(ferry.call("user", "list", "-o", "json").out)
    assert (listed["name"], listed["role"]) == ("otto", "operator")
    refused = ferry.call("user", "add", "anna", "--role", "admin")
    assert (refused.code, refused.err) == (1, "mailferry: the role admin belongs to a tenant; name it\n")
    assert ferry.call("user", "remove", "otto").code == 0
    assert json.loads(ferry.call("user", "list", "-o", "json").out) == []


def test_a_kill_loses_no_acknowledged_write(ferry: Ferry) -> None:
    process = ferry.start("run", **LISTEN)
    client = Client(served(process), token(ferry))
    acknowledged: list[str] = []
    enough = threading.Event()

    def write() -> None:
        with contextlib.suppress(OSError, ValueError):
            for number in range(100_000):
                name = f"t{number}"
                if client.ask("POST", "/tenants", {"name": name})[0] == 201:
                    acknowledged.append(name)
                if number == 30:
                    enough.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert enough.wait(60)
    process.kill()
    writer.join(60)
    assert not writer.is_alive()
    client = Client(served(ferry.start("run", **LISTEN)), client.token)
    for name in acknowledged:
        assert client.ask("GET", f"/tenants/{name}")[0] == 200
    _, page = client.ask("GET", "/audit?limit=200")
    audited = {each["object"] for each in page["items"] if each["action"] == "tenant.add"}
    assert set(acknowledged) <= audited


def test_a_client_that_sends_its_request_slowly_is_cut_off(ferry: Ferry) -> None:
    port = served(ferry.start("run", **LISTEN))
    with socket.create_connection(("127.0.0.1", port), timeout=HEAD_DEADLINE + 40) as slow:
        slow.sendall(b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\n")
        with contextlib.suppress(ConnectionError):
            assert slow.recv(1000) == b""
    assert Client(port).ask("GET", "/me")[0] == 401


def test_it_refuses_to_listen_in_clear_where_others_can_reach_it(ferry: Ferry) -> None:
    ended = ferry.call("run", MAILFERRY_CONTROL__LISTEN="0.0.0.0:0")
    assert ended.code == 78
    assert "set tls_certificate and tls_key" in ended.err


def test_it_runs_as_a_process_of_its_own(postgres_url: str, rabbitmq_url: str, tmp_path: Path) -> None:
    text = f'broker.url = "{rabbitmq_url}"\n' + TEXT.replace("sqlite:mailferry.db", postgres_url)
    with Ferry(tmp_path, text) as ferry:
        assert ferry.call("db", "upgrade").code == 0
        process = ferry.start("control", **LISTEN)
        client = Client(served(process), token(ferry))
        assert client.ask("POST", "/tenants", {"name": "acme"})[0] == 201
        assert client.ask("GET", "/tenants/acme")[0] == 200
        assert process.terminate() == 0
