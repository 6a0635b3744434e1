from __future__ import annotations

import hashlib
import ssl
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.net.certificates import fingerprint, server_end_point


def certificate(folder: Path, *how: str) -> bytes:
    path = folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-nodes", "-days", "1", "-subj", "/CN=x"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(path)]
    subprocess.run([*command, *how, *files], check=True, capture_output=True)
    return ssl.PEM_cert_to_DER_cert(path.read_text())


@pytest.mark.parametrize(
    ("how", "hashed_with"),
    [
        (("-newkey", "rsa:2048", "-sha512"), "sha512"),
        (("-newkey", "rsa:2048", "-sha256"), "sha256"),
        (("-newkey", "rsa:2048", "-sha1"), "sha256"),
    ],
)
def test_the_binding_is_hashed_as_the_certificate_was_signed_but_never_with_sha1(
    tmp_path: Path, how: tuple[str, ...], hashed_with: str
) -> None:
    der = certificate(tmp_path, *how)
    assert server_end_point(der) == hashlib.new(hashed_with, der).digest()


def test_a_signature_without_a_hash_of_its_own_gives_no_binding(tmp_path: Path) -> None:
    assert server_end_point(certificate(tmp_path, "-newkey", "ed25519")) is None


@given(st.binary(max_size=300))
def test_what_is_no_certificate_gives_no_binding(data: bytes) -> None:
    assert server_end_point(data) is None


def test_a_fingerprint_is_written_as_a_pin() -> None:
    assert fingerprint(b"abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
