"""The CPU of client and server for a TLS 1.3 handshake, up to the server's first octets, in full and resumed.

Both sides are in this process, without a network. Keys are RSA with 2,048 bits. The server shows one
certificate, signed by the authority itself, or two, as most servers do. The client takes its session with it,
as a connection does that ends in good order. Of several rounds the cheapest counts, as other programs on the
machine only ever add to it.
"""

from __future__ import annotations

import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bench.result import Result
from shared.model.endpoint import Endpoint, Tls
from shared.net.resumption import Handshake, ResumingContext, keep_session
from shared.net.tls import client_context

ROUNDS, IN_ROUND = 10, 100
GREETING = b"+OK ready\r\n"
HOST, PORT, OTHER_PORT = "localhost", 995, 996


def handshakes(directory: Path) -> dict[str, Result]:
    """Return the CPU of `IN_ROUND` handshakes of each kind."""
    results = {}
    for intermediates in range(2):
        made = _certificates(directory, intermediates)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(made.shown, made.key)
        client = client_context(Endpoint(HOST, PORT, Tls.IMPLICIT, ca_file=str(made.authority)))
        full, resumed = [], []
        for _ in range(ROUNDS):
            full.append(_round(client, server, resumes=False))
            resumed.append(_round(client, server, resumes=True))
        shows = f"{intermediates + 1} certificates" if intermediates else "1 certificate"
        results[f"handshake {intermediates}"] = _result(f"TLS in full, {shows}", min(full))
        results[f"resumed {intermediates}"] = _result(f"TLS resumed, {shows}", min(resumed))
    return results


class _Certificates(NamedTuple):
    """Files in PEM: what the client trusts, what the server shows, and its key."""

    authority: Path
    shown: Path
    key: Path


def _certificates(directory: Path, intermediates: int) -> _Certificates:
    made = _Certificates(*(directory / f"{name}{intermediates}.pem" for name in _Certificates._fields))
    issuer_key, issuer = _signed("authority", None, None)
    made.authority.write_bytes(issuer.public_bytes(Encoding.PEM))
    chain: list[x509.Certificate] = []
    for name in [*["intermediate"] * intermediates, HOST]:
        issuer_key, issuer = _signed(name, issuer_key, issuer)
        chain.insert(0, issuer)
    made.shown.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in chain))
    made.key.write_bytes(issuer_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


def _signed(
    name: str, issuer_key: rsa.RSAPrivateKey | None, issuer: x509.Certificate | None
) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    unsigned = (
        x509.CertificateBuilder(issuer.subject if issuer else subject, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=name != HOST, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    return key, unsigned.sign(issuer_key or key, hashes.SHA256())


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
