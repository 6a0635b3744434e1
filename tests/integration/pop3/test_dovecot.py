"""The POP3 driver against Dovecot."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from services.fetcher.mailboxes.pop3 import Pop3Mailbox
from services.fetcher.mailboxes.pop3_opening import open_pop3
from shared.model.endpoint import Endpoint, Tls
from shared.model.mailbox import Listed, MailWhole
from shared.model.source_errors import CredentialsRefused
from shared.pop3.limits import Options
from tests.servers.dovecot import Dovecot, Login

MAILS = [
    b"Subject: dots\r\n\r\n.\r\n..\r\n.a\r\n",
    b"Subject: long\r\n\r\n" + b"x" * 100_000 + b"\r\n",
    "Subject: jürgen\r\n\r\n\x01ÿ\r\n".encode("latin-1"),
    *(b"Subject: %d\r\n\r\n%s" % (number, b"a line\r\n" * number) for number in range(200)),
]


def endpoint_of(dovecot: Dovecot, tls: Tls) -> Endpoint:
    port = dovecot.pop3s_port if tls is Tls.IMPLICIT else dovecot.pop3_port
    return Endpoint("localhost", port, tls, ca_file=str(dovecot.certificate.chain))


async def fetched(mailbox: Pop3Mailbox, entries: Sequence[Listed]) -> list[bytes]:
    return [
        event.data
        async for batch in mailbox.retrieve(entries)
        for event in batch
        if isinstance(event, MailWhole)
    ]


@pytest.mark.parametrize("tls", list(Tls))
@pytest.mark.parametrize("method", ["plain", "user"])
async def test_mails_are_fetched_byte_exact_and_deleted(dovecot: Dovecot, tls: Tls, method: str) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, MAILS)
    mailbox = await open_pop3(endpoint_of(dovecot, tls), login.name, login.password, auth=[method])
    listing = await mailbox.listing()
    assert listing.problems == ()
    assert [entry.size for entry in listing.entries] == [len(mail) for mail in MAILS]
    assert await fetched(mailbox, listing.entries) == MAILS
    assert len(await mailbox.delete(listing.entries[:150])) == 150
    assert dovecot.remaining_count(login.name) == len(MAILS)
    await mailbox.finish()
    assert dovecot.remaining(login.name) == MAILS[150:]


async def test_uids_stay_the_same_in_the_next_session(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, MAILS[:3])
    listings = []
    for pipelining in (True, False):
        mailbox = await open_pop3(
            endpoint_of(dovecot, Tls.REQUIRED),
            login.name,
            login.password,
            options=Options(pipelining=pipelining),
        )
        listings.append(await mailbox.listing())
        await mailbox.finish()
    assert listings[0] == listings[1]


async def test_a_wrong_password_is_understood(dovecot: Dovecot) -> None:
    login = Login(dovecot.new_user().name, "wrong-canary")
    with pytest.raises(CredentialsRefused) as caught:
        await open_pop3(endpoint_of(dovecot, Tls.REQUIRED), login.name, login.password)
    assert "canary" not in str(caught.value)


async def test_when_mails_were_received_is_told_by_their_headers(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    received = b"Received: by b.example; Sun, 1 Nov 2026 12:00:%02d +0000\r\nSubject: x\r\n\r\nbody\r\n"
    dovecot.fill(login.name, [*(received % second for second in range(50)), b"Subject: none\r\n\r\nbody\r\n"])
    mailbox = await open_pop3(endpoint_of(dovecot, Tls.REQUIRED), login.name, login.password)
    entries = (await mailbox.listing()).entries
    told = [answer async for answer in mailbox.received(entries)]
    await mailbox.finish()
    moments = [*(1_793_534_400.0 + second for second in range(50)), None]
    assert told == list(zip(entries, moments, strict=True))
