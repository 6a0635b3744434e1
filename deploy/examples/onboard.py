"""Onboard customers through the API: a CSV with tenant, name, address, source, username and password.

    MAILFERRY_URL=http://127.0.0.1:8464 MAILFERRY_TOKEN=mf_… python3 onboard.py customers.csv exchange

It may be run again, after an interruption too: what is there stays as it is. It needs the standard library
only.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

LONGEST_WAIT = 180.0
"""Seconds for one request: two minutes after a kill of the API the key of one that was under way is free."""


def ask(method: str, path: str, body: Mapping[str, object], key: str) -> tuple[int, dict[str, object]]:
    """Make a request until it is answered; a repeated one with the same key is carried out once."""
    began, pause = time.monotonic(), 1.0
    while time.monotonic() - began < LONGEST_WAIT:
        request = urllib.request.Request(  # noqa: S310 - the URL is the operator's own
            os.environ["MAILFERRY_URL"].rstrip("/") + "/api/v1" + path,
            json.dumps(body).encode(),
            {
                "Authorization": "Bearer " + os.environ["MAILFERRY_TOKEN"],
                "Content-Type": "application/json",
                "Idempotency-Key": key,
            },
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                problem = json.load(error)
            if error.code not in {429, 503} and problem["code"] != "still_running":
                return error.code, problem
            time.sleep(float(error.headers.get("Retry-After", "1")))
        except OSError:
            time.sleep(pause)
            pause = min(2 * pause, 30.0)
    raise SystemExit(f"{path}: the API cannot be reached")


def key_of(*parts: str) -> str:
    """Return the idempotency key of a row: the same in every run with the same content."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def onboard(row: Mapping[str, str], target: str, tenants: set[str]) -> str:
    """Add the account of a row, and its tenant unless it is one of `tenants`; return what came of it."""
    tenant, name = row["tenant"], row["name"]
    if tenant not in tenants:
        status, problem = ask("POST", "/tenants", {"name": tenant}, key_of("tenant", tenant))
        if status != 201 and problem["code"] != "already_exists":
            return f"tenant refused: {problem['detail']}"
        tenants.add(tenant)
    account = {
        "name": name,
        "source": row["source"],
        "username": row["username"],
        "password": row["password"],
        "mailbox": "single",
        "recipient": row["address"],
        "target": target,
    }
    values = [str(value) for value in account.values()]
    status, problem = ask("POST", f"/tenants/{tenant}/accounts", account, key_of(tenant, *values))
    if status == 201:
        return "added"
    return "there already" if problem["code"] == "already_exists" else f"refused: {problem['detail']}"


def main(arguments: list[str]) -> int:
    """Onboard every row of the file; return 1 if one was refused."""
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    refused, tenants = 0, set[str]()
    with Path(arguments[1]).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            result = onboard(row, arguments[2], tenants)
            refused += "refused" in result
            print(f"{row['tenant']}/{row['name']}: {result}")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
