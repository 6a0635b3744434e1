"""The API of a running process: the first sign-in, tokens and people by command."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.control.server import HEAD_DEADLINE
from tests.servers.api_client import LISTEN, ApiClient, served, token
from tests.servers.ferry import Ferry

TEXT = """
store.url = "sqlite:mailferry.db"
blobs.url = "file:blobs"
metrics.listen = ""
relay.helo_name = "mx.example"
"""


@pytest.fixture
def ferry(tmp_path: Path) -> Iterator[Ferry]:
    with Ferry(tmp_path, TEXT) as made:
        yield made


def test_the_first_start_shows_a_link_that_signs_in_once(ferry: Ferry) -> None:
    process = ferry.start("run", **LISTEN).ready()
    port = served(process)
    [secret] = re.findall(r"/sign-in#(\S+)", process.output)
    client = ApiClient(port)
    status, me = client.ask("POST", "/sessions/by-link", {"secret": secret})
    assert (status, me["role"]) == (200, "operator")
    assert client.ask("POST", "/sessions/by-link", {"secret": secret})[0] == 401
    process.kill()
    again = ferry.start("run", **LISTEN).ready()
    assert "/sign-in#" not in again.output


def test_tokens_are_made_listed_and_revoked_by_command_while_it_runs(ferry: Ferry) -> None:
    client = ApiClient(served(ferry.start("run", **LISTEN)), token(ferry))
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


def test_a_client_that_sends_its_request_slowly_is_cut_off(ferry: Ferry) -> None:
    port = served(ferry.start("run", **LISTEN))
    with socket.create_connection(("127.0.0.1", port), timeout=HEAD_DEADLINE + 40) as slow:
        slow.sendall(b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\n")
        with contextlib.suppress(ConnectionError):
            assert slow.recv(1000) == b""
    assert ApiClient(port).ask("GET", "/me")[0] == 401


def test_it_refuses_to_listen_in_clear_where_others_can_reach_it(ferry: Ferry) -> None:
    ended = ferry.call("run", MAILFERRY_CONTROL__LISTEN="0.0.0.0:0")
    assert ended.code == 78
    assert "set tls_certificate and tls_key" in ended.err


def test_it_runs_as_a_process_of_its_own(postgres_url: str, rabbitmq_url: str, tmp_path: Path) -> None:
    text = f'broker.url = "{rabbitmq_url}"\n' + TEXT.replace("sqlite:mailferry.db", postgres_url)
    with Ferry(tmp_path, text) as ferry:
        assert ferry.call("db", "upgrade").code == 0
        process = ferry.start("control", **LISTEN)
        client = ApiClient(served(process), token(ferry))
        assert client.ask("POST", "/tenants", {"name": "acme"})[0] == 201
        assert client.ask("GET", "/tenants/acme")[0] == 200
        assert process.terminate() == 0
