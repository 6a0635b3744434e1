"""The CPU for renewing a grant: a token keeper in a process of its own, a token server over TLS beside it.

Each grant is due once. `distant` is a server that takes 0.1 s for an answer, so that less goes together.
`alone` is a token server in the keeper's process, called without a network: what is left is the database's
share, with sealing the tokens. 1 % of a core is 3.6 ms for each of 10,000 grants in an hour.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from rich.console import Console

from bench.result import Result
from bench.token_server import answer
from bench.usage import servers_cpu, servers_cpu_since
from shared.adapters.sql.store import open_store
from shared.adapters.system_clock import SystemClock
from shared.model.sealed import Sealed, SecretName
from shared.oauth.answers import Answer, Refreshed
from shared.oauth.app import OAuthApp
from shared.oauth.providers import Provider
from shared.oauth.requests import Request
from shared.ports.store.oauth import GrantLease, Renewal
from shared.runtime.metrics import Metrics
from shared.runtime.oauth.apps import Apps
from shared.runtime.oauth.http import Http, HttpClient
from shared.runtime.oauth.refresher import Refresher
from shared.runtime.oauth.revoker import Revoker
from shared.runtime.oauth.token_keeper import TokenKeeper
from shared.secrets.keys import SecretKey, SecretKeys
from shared.secrets.sealing import NONCE_OCTETS, seal, unseal
from tests.servers.certificate import Certificate, make_certificate

GRANTS, FEWER, WARM_UP = 3000, 600, 300
DISTANCE = 0.1
"""Seconds that a distant token server takes for an answer."""
TOKEN = "0.AX" + "r" * 1100
HOUR = 3600.0
KEYS = SecretKeys(SecretKey(bytes(range(32))), ())


@dataclass(frozen=True, slots=True)
class Place:
    """A database."""

    name: str
    store: str


def oauth(places: list[Place], home: Path, console: Console) -> dict[str, Result]:
    """Renew the grants in each database: with a server that answers at once, a distant one, and alone."""
    results = {}
    certificate = make_certificate(home)
    with _token_server(certificate, 0.0) as near, _token_server(certificate, DISTANCE) as far:
        for place in places:
            for kind, port, grants in (
                ("", near, GRANTS),
                (" distant", far, FEWER),
                (" alone", None, GRANTS),
            ):
                name = f"oauth {place.name}{kind}"
                console.print(f"{name} …")
                results[name] = _measured(name, place, port, grants, certificate)
                console.print(results[name].note)
    return results


@contextmanager
def _token_server(certificate: Certificate, seconds: float) -> Iterator[int]:
    arguments = str(certificate.chain), str(certificate.key), str(seconds)
    command = [sys.executable, "-m", "bench.token_server", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def _measured(name: str, place: Place, port: int | None, grants: int, certificate: Certificate) -> Result:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    # Read by OpenSSL in the new process, as the certificates that it trusts.
    os.environ["SSL_CERT_FILE"] = str(certificate.chain)
    process = context.Process(target=_keep, args=(there, place.store, port, grants))
    process.start()
    here.recv()
    before = servers_cpu()
    here.send("go")
    seconds, cpu = here.recv()
    beside = servers_cpu_since(before)
    process.join()
    each = 1000 * cpu / grants
    database = 1000 * sum(used for program, used in beside.items() if "postgres" in program) / grants
    note = (
        f"{each:.2f} ms of CPU for a grant, {database:.2f} ms of the database's server beside it; 10,000 in "
        f"an hour: {100 * 10_000 * cpu / grants / HOUR:.2f} % of a core"
    )
    return Result(name, grants, seconds, cpu={"keeper": cpu}, note=note, beside=beside)


def _keep(pipe: Connection, url: str, port: int | None, grants: int) -> None:
    asyncio.run(_run(pipe, url, port, grants))


async def _run(pipe: Connection, url: str, port: int | None, grants: int) -> None:
    store, clock, box = open_store(url), SystemClock(), Box()
    http = HttpClient() if port else Nearby()
    provider = Provider(
        "here", "Here", "https://localhost/", f"https://localhost:{port or 1}/token", ("mail",)
    )
    app = OAuthApp(
        "here", "an-id-of-36-octets-as-microsofts-are", provider, client_secret=SecretStr("s" * 40)
    )
    apps = Apps({"here": app}, store.oauth, box, http, clock)
    metrics = Metrics(CollectorRegistry(), "bench")
    refresher = Refresher(apps, store.oauth, box, http, clock, lambda: 0.5, metrics)
    revoker = Revoker(apps, store.oauth, box, http, clock, lambda: 0.5, metrics)
    keeper = TokenKeeper(store.oauth, refresher, revoker, clock, metrics, "bench")
    for number in range(WARM_UP):
        await _connect(store.oauth, refresher, number)
    while not await keeper.round():
        pass
    for number in range(grants):
        await _connect(store.oauth, refresher, number)
    pipe.send("ready")
    await asyncio.to_thread(pipe.recv)
    begun, used = time.perf_counter(), time.process_time()
    while not await keeper.round():
        pass
    pipe.send((time.perf_counter() - begun, time.process_time() - used))
    await http.close()
    await store.close()


async def _connect(store: Any, refresher: Refresher, number: int) -> None:
    """Have a grant that is due."""
    name, now = f"account:bench/box{number}", time.time()
    tokens = refresher.sealed(name, Refreshed(SecretStr("a" * 1600), SecretStr(TOKEN), HOUR))
    renewal = Renewal(GrantLease(name, 0), tokens, "mail", now - HOUR, now, now - 1)
    await store.put_grant(name, "here", f"box{number}@bench.test", now - HOUR, renewal)


class Box:
    """Seals as `KeyedBox` does, with one key."""

    def seal(self, name: SecretName, secret: SecretStr) -> Sealed:
        """See the port."""
        return seal(KEYS, name, secret, os.urandom(NONCE_OCTETS))

    def open(self, name: SecretName, sealed: Sealed) -> SecretStr:
        """See the port."""
        return unseal(KEYS, name, sealed)


class Nearby(Http):
    """A token server in this process."""

    async def post(self, request: Request) -> Answer:
        """Return new tokens."""
        return Answer(200, answer().partition(b"\r\n\r\n")[2])

    async def document(self, url: str) -> Any:
        """Never asked for."""
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing is open."""
