"""The CPU of client and server for a TLS 1.3 handshake, up to the server's first octets, in full and resumed.

Both sides are in this process, without a network. The certificate has an RSA key of 2,048 bits and is its own
authority. The client takes its session with it, as a connection does that ends in good order. Of several
rounds the cheapest counts, as other programs on the machine only ever add to it.
"""

from __future__ import annotations

import ssl
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from bench.result import Result
from shared.model.endpoint import Endpoint, Tls
from shared.net.resumption import Handshake, ResumingContext, keep_session
from shared.net.tls import client_context

ROUNDS, IN_ROUND = 10, 100
GREETING = b"+OK ready\r\n"
HOST, PORT, OTHER_PORT = "localhost", 995, 996


def handshakes(directory: Path) -> dict[str, Result]:
    """Return the CPU of `IN_ROUND` handshakes of each kind."""
    chain, key = directory / "rsa.pem", directory / "rsa.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(key), "-out", str(chain)),
        ],
        check=True,
        capture_output=True,
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, key)
    client = client_context(Endpoint(HOST, PORT, Tls.IMPLICIT, ca_file=str(chain)))
    full, resumed = [], []
    for _ in range(ROUNDS):
        full.append(_round(client, server, resumes=False))
        resumed.append(_round(client, server, resumes=True))
    return {
        "handshake": _result("TLS handshake in full", min(full)),
        "resumed": _result("TLS handshake resumed", min(resumed)),
    }


def _result(name: str, cpu: tuple[float, float]) -> Result:
    return Result(name, IN_ROUND, sum(cpu), cpu=dict(zip(("client", "server"), cpu, strict=True)))


def _round(client: ResumingContext, server: ssl.SSLContext, *, resumes: bool) -> tuple[float, float]:
    """Return the CPU seconds of client and server. Only sessions for `PORT` are kept."""
    if resumes:
        _Session(client, server, PORT).run()
    sessions = []
    for _ in range(IN_ROUND):
        session = _Session(client, server, PORT if resumes else OTHER_PORT)
        session.run()
        assert session.client.session_reused == resumes
        sessions.append(session)
    return sum(each.client_cpu for each in sessions), sum(each.server_cpu for each in sessions)


class _Session:
    """One client and one server, joined by buffers."""

    def __init__(self, client: ResumingContext, server: ssl.SSLContext, port: int) -> None:
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._keeps = port == PORT
        self._server = server.wrap_bio(to_server, to_client, server_side=True)
        begun = time.process_time()
        with Handshake(HOST, port).announced():
            self.client = client.wrap_bio(to_client, to_server, server_hostname=HOST)
        self.client_cpu = time.process_time() - begun
        self.server_cpu = 0.0

    def run(self) -> None:
        """Shake hands and greet."""
        while not self._greeted_client():
            begun = time.process_time()
            with suppress(ssl.SSLWantReadError):
                self._server.do_handshake()
                self._server.write(GREETING)
            self.server_cpu += time.process_time() - begun

    def _greeted_client(self) -> bool:
        begun = time.process_time()
        try:
            self.client.do_handshake()
            assert self.client.read() == GREETING
            if self._keeps:
                keep_session(self.client)
        except ssl.SSLWantReadError:
            return False
        else:
            return True
        finally:
            self.client_cpu += time.process_time() - begun
