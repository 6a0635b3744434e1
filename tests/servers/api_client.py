"""A client of the API of a running process."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from tests.servers.ferry import Ferry, FerryProcess

LISTEN = {"MAILFERRY_CONTROL__LISTEN": "127.0.0.1:0"}


class ApiClient:
    """Asks one API with one token."""

    def __init__(self, port: int, token: str = "") -> None:
        self.base = f"http://127.0.0.1:{port}/api/v1"
        self.token = token

    def ask(
        self, method: str, path: str, body: object = None, *, match: str = "*", key: str = ""
    ) -> tuple[int, Any]:
        """Return the status and the body of an answer; `match` is `If-Match`, `key` `Idempotency-Key`."""
        data = None if body is None else json.dumps(body).encode()
        head = {"Content-Type": "application/json", "If-Match": match}
        if self.token:
            head["Authorization"] = f"Bearer {self.token}"
        if key:
            head["Idempotency-Key"] = key
        request = urllib.request.Request(self.base + path, data, head, method=method)  # noqa: S310 - our own URL
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:  # noqa: S310 - as above
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())


def served(process: FerryProcess) -> int:
    """Return the port of the API."""
    process.wait_until(lambda: process.said("API served"))
    port: int = process.said("API served")[-1]["port"]
    return port


def token(ferry: Ferry, *options: str) -> str:
    """Return a new token, an operator's unless the options say otherwise."""
    made = ferry.call("token", "create", "test", *(options or ("--role", "operator")))
    assert made.code == 0, made.err
    return made.out.strip()
