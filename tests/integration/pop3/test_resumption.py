"""TLS sessions with Dovecot: resumed by the next visit, and never in place of a check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.fetcher.mailboxes.pop3_opening import open_pop3
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import Fault
from shared.net.certificates import fingerprint
from shared.net.connection import Connection
from shared.net.dial import dial
from shared.net.errors import CertificateNotPinned, CertificateUntrusted
from shared.net.login.wire import Timeouts, Wire
from tests.fakes.tls import is_resumed
from tests.servers.available import require
from tests.servers.certificate import make_certificate
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot, Login


@pytest.fixture
def own_dovecot() -> Iterator[Dovecot]:
    """A Dovecot that the test may start again."""
    require("dovecot")
    with server_directory("dovecot") as directory, Dovecot(directory) as dovecot:
        yield dovecot


class Visits:
    """POP3 sessions from login to QUIT; `resumed` says of each whether it resumed a TLS session."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self.resumed: list[bool] = []
        self.pins: set[str] = set()

    async def visit(self, endpoint: Endpoint) -> None:
        dialled: list[Connection] = []

        async def remembered(where: Endpoint, timeouts: Timeouts) -> Wire:
            dialled.append(
                await dial(
                    where,
                    connect_timeout=timeouts.connect,
                    inactivity_timeout=timeouts.inactivity,
                    fault=Fault.SOURCE,
                )
            )
            return dialled[-1]

        mailbox = await open_pop3(endpoint, self._login.name, self._login.password, dialled=remembered)
        await mailbox.listing()
        certificate = dialled[-1].certificate
        assert certificate is not None
        self.pins.add(fingerprint(certificate))
        self.resumed.append(is_resumed(dialled[-1]))
        await mailbox.finish()


def endpoint_of(dovecot: Dovecot, tls: Tls = Tls.IMPLICIT) -> Endpoint:
    port = dovecot.pop3s_port if tls is Tls.IMPLICIT else dovecot.pop3_port
    return Endpoint("localhost", port, tls, ca_file=str(dovecot.certificate.chain))


@pytest.mark.parametrize("tls", [Tls.IMPLICIT, Tls.REQUIRED])
async def test_the_next_visit_resumes_and_sees_the_same_certificate(own_dovecot: Dovecot, tls: Tls) -> None:
    visits = Visits(own_dovecot.new_user())
    for _ in range(3):
        await visits.visit(endpoint_of(own_dovecot, tls))
    assert visits.resumed == [False, True, True]
    assert len(visits.pins) == 1


async def test_a_renewed_certificate_is_checked_and_pins_hold(own_dovecot: Dovecot, tmp_path: Path) -> None:
    visits = Visits(own_dovecot.new_user())
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(own_dovecot.certificate.chain.read_bytes())
    endpoint = replace(endpoint_of(own_dovecot), ca_file=str(trusted))
    await visits.visit(endpoint)
    pinned = replace(endpoint, pin=visits.pins.copy().pop())
    await visits.visit(pinned)
    own_dovecot.stop()
    make_certificate(own_dovecot.directory)
    own_dovecot.start()
    with pytest.raises(CertificateUntrusted):
        await visits.visit(endpoint)
    with pytest.raises(CertificateNotPinned):
        await visits.visit(pinned)
    assert visits.resumed == [False, False]


async def test_a_server_that_starts_again_is_logged_in_to_by_a_full_handshake(own_dovecot: Dovecot) -> None:
    visits = Visits(own_dovecot.new_user())
    await visits.visit(endpoint_of(own_dovecot))
    own_dovecot.stop()
    own_dovecot.start()
    for _ in range(2):
        await visits.visit(endpoint_of(own_dovecot))
    assert visits.resumed == [False, False, True]


async def test_a_server_without_tickets_works() -> None:
    require("dovecot")
    with (
        server_directory("dovecot") as directory,
        Dovecot(directory, extra="ssl_options = no_ticket\n") as dovecot,
    ):
        visits = Visits(dovecot.new_user())
        for _ in range(3):
            await visits.visit(endpoint_of(dovecot))
    assert len(visits.resumed) == 3
