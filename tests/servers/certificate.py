"""A throw-away certificate for servers on the loopback address."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.servers.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class Certificate:
    """Self-signed, for `localhost` and 127.0.0.1; a client that trusts `chain` accepts the server."""

    chain: Path
    key: Path


def make_certificate(directory: Path) -> Certificate:
    """Makes one in `directory`, valid from now on for a day."""
    made = Certificate(directory / "server.pem", directory / "server.key")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "1", "-subj", "/CN=localhost"),
            *("-addext", f"subjectAltName=DNS:localhost,IP:{LOOPBACK}"),
            *("-keyout", str(made.key), "-out", str(made.chain)),
        ],
        check=True,
        capture_output=True,
    )
    return made
