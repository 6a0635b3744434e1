"""SCRAM with a server that keeps its side of it, over real TLS."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import pytest

from services.fetcher.mailboxes.pop3 import Pop3Mailbox
from services.fetcher.mailboxes.pop3_opening import open_pop3
from shared.model.endpoint import Endpoint, Tls
from shared.model.source_errors import CredentialsRefused
from tests.fakes.certificates import Certificate, make_certificate
from tests.fakes.sasl_server import authenticating, scram


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def end_point(certificate: Certificate) -> bytes:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.certificate.read_text())).digest()


async def logged_in(certificate: Certificate, port: int, *auth: str, password: str = "pencil") -> Pop3Mailbox:
    endpoint = Endpoint("localhost", port, Tls.IMPLICIT, ca_file=certificate.ca_file)
    return await open_pop3(endpoint, "bob", password, auth=auth)


@pytest.mark.parametrize("name", ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"])
async def test_the_login_is_bound_to_the_servers_certificate(certificate: Certificate, name: str) -> None:
    exchanges = {"PLAIN": scram("SCRAM-SHA-1", "x"), name: scram(name, "pencil", end_point(certificate))}
    async with authenticating(exchanges, certificate.server_context()) as port:
        mailbox = await logged_in(certificate, port)
        assert mailbox.method == name.lower()
        await mailbox.finish()


async def test_a_server_behind_somebody_in_the_middle_ends_the_login(
    certificate: Certificate, tmp_path: Path
) -> None:
    behind = end_point(make_certificate(tmp_path))
    exchanges = {
        "SCRAM-SHA-256-PLUS": scram("SCRAM-SHA-256-PLUS", "pencil", behind),
        "SCRAM-SHA-256": scram("SCRAM-SHA-256", "pencil"),
    }
    async with authenticating(exchanges, certificate.server_context()) as port:
        with pytest.raises(CredentialsRefused, match="channel-bindings-dont-match"):
            await logged_in(certificate, port)


async def test_scram_without_plus_works_where_nothing_else_is_offered(certificate: Certificate) -> None:
    exchanges = {"SCRAM-SHA-256": scram("SCRAM-SHA-256", "pencil")}
    async with authenticating(exchanges, certificate.server_context()) as port:
        mailbox = await logged_in(certificate, port)
        assert mailbox.method == "scram-sha-256"
        await mailbox.finish()


async def test_a_server_that_could_bind_notices_that_plus_was_taken_out_of_its_offer(
    certificate: Certificate,
) -> None:
    exchanges = {"SCRAM-SHA-256": scram("SCRAM-SHA-256", "pencil", end_point(certificate))}
    async with authenticating(exchanges, certificate.server_context()) as port:
        with pytest.raises(CredentialsRefused):
            await logged_in(certificate, port)


async def test_a_wrong_password_is_told_with_the_servers_reason(certificate: Certificate) -> None:
    exchanges = {"SCRAM-SHA-256": scram("SCRAM-SHA-256", "pencil")}
    async with authenticating(exchanges, certificate.server_context()) as port:
        with pytest.raises(CredentialsRefused, match=r"was refused: no \(invalid-proof\)"):
            await logged_in(certificate, port, password="pen")
