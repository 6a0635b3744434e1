"""Targets whose certificate is not trusted, and those without TLS, where TLS is wanted or required."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shared.model.endpoint import Endpoint, Tls
from shared.smtp.client import connect
from shared.smtp.envelope import Envelope, Mail
from shared.smtp.errors import CertificateUntrusted, LoginImpossible
from shared.smtp.login import Credentials
from tests.fakes.certificates import LOCAL, Certificate, make_certificate, make_expired_certificate
from tests.fakes.smtp_server import Act, SmtpServer

USERS = {"relay": "canary-password"}
LOGIN = Credentials("relay", "canary-password")
OTHER = "DNS:elsewhere.example"


@pytest.fixture(params=["self-signed", "another name", "expired"])
def untrusted(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Certificate, str | None]:
    """A certificate, and the authority that the client is given."""
    if request.param == "expired":
        made = make_expired_certificate(tmp_path)
    else:
        made = make_certificate(tmp_path, OTHER if request.param == "another name" else LOCAL)
    return made, None if request.param == "self-signed" else made.ca_file


def endpoint(server: SmtpServer, tls: Tls, ca_file: str | None = None) -> Endpoint:
    return Endpoint("127.0.0.1", server.port, tls, ca_file=ca_file)


@pytest.mark.parametrize("lmtp", [False, True], ids=["SMTP", "LMTP"])
async def test_wanted_means_encrypted_and_unverified(
    untrusted: tuple[Certificate, str | None], lmtp: bool
) -> None:
    certificate, ca_file = untrusted
    async with SmtpServer(certificate=certificate, users=USERS, lmtp=lmtp) as server:
        where = endpoint(server, Tls.WANTED, ca_file)
        for connections in (2, 3):
            client = await connect(where, helo_name="me.example", credentials=LOGIN, lmtp=lmtp)
            (reply,) = await client.send_mail(Mail(Envelope("", ("bob@corp.example",)), b"x\r\n"))
            assert reply.reply.positive
            assert client.is_tls
            assert client.shortfall is not None
            assert client.shortfall.encrypted
            assert f"The certificate of {where} is not trusted" in client.shortfall.sentence
            assert "not verified" in client.shortfall.sentence
            await client.quit()
            assert server.connections == connections


async def test_required_verifies(untrusted: tuple[Certificate, str | None]) -> None:
    certificate, ca_file = untrusted
    async with SmtpServer(certificate=certificate, users=USERS) as server:
        wanted = endpoint(server, Tls.WANTED, ca_file)
        await (await connect(wanted, helo_name="me.example")).quit()
        with pytest.raises(CertificateUntrusted) as caught:
            await connect(replace(wanted, tls=Tls.REQUIRED), helo_name="me.example", credentials=LOGIN)
        assert caught.value.temporary
        assert not any("AUTH" in command for command in server.commands)


async def test_a_certificate_that_is_trusted_leaves_nothing_to_say(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    async with SmtpServer(certificate=certificate) as server:
        client = await connect(endpoint(server, Tls.WANTED, certificate.ca_file), helo_name="me.example")
        assert client.is_tls
        assert client.shortfall is None
        await client.quit()
        assert server.connections == 1


async def test_where_tls_is_not_offered_it_goes_on_in_clear_and_says_so() -> None:
    async with SmtpServer() as server:
        client = await connect(endpoint(server, Tls.WANTED), helo_name="me.example")
        assert not client.is_tls
        assert client.shortfall is not None
        assert not client.shortfall.encrypted
        assert "does not offer STARTTLS" in client.shortfall.sentence
        await client.quit()


@pytest.mark.parametrize("reply", ["454 4.7.0 TLS is not available now", "220 Go ahead", Act.HANG_UP])
async def test_where_the_handshake_fails_it_goes_on_in_clear_and_says_so(
    reply: str | Act, tmp_path: Path
) -> None:
    """The server that says 220 goes on in clear, so that the handshake fails."""
    certificate = make_certificate(tmp_path)
    async with SmtpServer(certificate=certificate, replies={"STARTTLS": reply}) as server:
        client = await connect(endpoint(server, Tls.WANTED), helo_name="me.example")
        assert not client.is_tls
        assert client.shortfall is not None
        assert "is not encrypted" in client.shortfall.sentence
        await client.quit()


async def test_no_password_is_sent_where_tls_is_wanted_and_not_there() -> None:
    async with SmtpServer(users=USERS) as server:
        with pytest.raises(LoginImpossible):
            await connect(endpoint(server, Tls.WANTED), helo_name="me.example", credentials=LOGIN)


async def test_where_tls_is_off_nothing_is_missed() -> None:
    async with SmtpServer() as server:
        client = await connect(endpoint(server, Tls.OFF), helo_name="me.example")
        assert client.shortfall is None
        await client.quit()
