"""The examples of `docs/api.md` work as they are written, and so does the example that onboards customers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.command import REPOSITORY
from tests.servers.api_client import ApiClient
from tests.servers.ferry import Ferry, FerryProcess

PAGE = REPOSITORY / "docs" / "api.md"
ONBOARD = REPOSITORY / "deploy" / "examples" / "onboard.py"
TEXT = """
store.url = "sqlite:mailferry.db"
blobs.url = "file:blobs"
metrics.listen = ""
relay.helo_name = "mx.example"
control.requests_per_minute = 100000
"""
CUSTOMERS = 1000
KILLED_AFTER = 300


@pytest.fixture
def ferry(tmp_path: Path) -> Iterator[Ferry]:
    with Ferry(tmp_path, TEXT) as made:
        yield made


def environment(ferry: Ferry) -> dict[str, str]:
    process: FerryProcess = ferry.start("run", MAILFERRY_CONTROL__LISTEN="127.0.0.1:0")
    process.wait_until(lambda: process.said("API served"))
    port = process.said("API served")[-1]["port"]
    token = ferry.call("token", "create", "test", "--role", "operator").out.strip()
    url = f"http://127.0.0.1:{port}"
    own = {"API": f"{url}/api/v1", "TOKEN": token, "MAILFERRY_URL": url, "MAILFERRY_TOKEN": token}
    return {"PATH": os.environ["PATH"], **own}


def test_the_examples_of_the_page_work(ferry: Ferry) -> None:
    examples = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(examples) >= 6
    script = "set -e -o pipefail\n" + "\n".join(examples)
    done = subprocess.run(
        ["bash", "-c", script],
        env=environment(ferry),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "token.create" in done.stdout


def test_a_thousand_customers_are_onboarded_once_although_the_first_run_is_killed(
    ferry: Ferry, tmp_path: Path
) -> None:
    environ = environment(ferry)
    rows = ["tenant,name,address,source,username,password"]
    rows += [
        f"t{n % 3},a{n},a{n}@t.example,pop3s://pop.isp.example,a{n},secret-{n}" for n in range(CUSTOMERS)
    ]
    file = tmp_path / "customers.csv"
    file.write_text("\n".join(rows) + "\n")
    target = '{"name": "exchange", "url": "smtp://mail.corp.example"}'
    head = ["-H", f"Authorization: Bearer {environ['TOKEN']}", "-H", "Content-Type: application/json"]
    subprocess.run(["curl", "-sf", *head, f"{environ['API']}/targets", "-d", target], check=True, timeout=60)
    command = [sys.executable, "-u", str(ONBOARD), str(file), "exchange"]

    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        for _ in range(KILLED_AFTER):
            assert killed.stdout.readline().endswith(": added\n")
        killed.kill()
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": added\n") == CUSTOMERS
    assert json.loads(ferry.call("status", "-o", "json").out)["summary"]["accounts"] == CUSTOMERS
    client = ApiClient(int(environ["MAILFERRY_URL"].rpartition(":")[2]), environ["TOKEN"])
    actions, cursor = Counter[str](), ""
    while True:
        _, page = client.ask("GET", f"/audit?limit=200{cursor}")
        actions.update(each["action"] for each in page["items"])
        if not page["next"]:
            break
        cursor = f"&cursor={page['next']}"
    assert (actions["account.add"], actions["account.change"]) == (CUSTOMERS, 0)
