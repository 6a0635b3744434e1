"""The IMAP servers of the tests themselves, as another client sees them."""

from __future__ import annotations

import imaplib

import pytest

from tests.servers.dovecot import Dovecot, Login
from tests.servers.imap_client import ImapClient, imap_client
from tests.servers.imap_source import ImapSource

SERVERS = ["dovecot", "cyrus", "courier", "gnu_imap"]
MAILS = [b"Subject: %d\r\n\r\n.\r\n%s\r\n" % (number, b"x" * number) for number in range(1, 5)]


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> ImapSource | Dovecot:
    found: ImapSource | Dovecot = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def login(server: ImapSource | Dovecot) -> Login:
    login = server.new_user()
    if isinstance(server, Dovecot):
        server.add_folder(login.name, server.archive)
    return login


def filled(client: ImapClient) -> list[int]:
    for mail in MAILS:
        client.append(mail)
    return list(client.bodies())


def test_mails_are_appended_and_read(server: ImapSource | Dovecot, login: Login) -> None:
    with imap_client(server.imap_port, login) as client:
        filled(client)
        assert list(client.bodies().values()) == MAILS
        assert list(client.flags().values()) == [set()] * 4


def test_mails_are_marked_moved_and_expunged(server: ImapSource | Dovecot, login: Login) -> None:
    with imap_client(server.imap_port, login) as client:
        first, second, third, fourth = filled(client)
        client.mark([second], "\\Flagged")
        client.move([third], server.archive)
        client.expunge([first])
        assert client.flags() == {second: {"\\Flagged"}, fourth: set()}
    with imap_client(server.imap_port, login, server.archive) as client:
        assert list(client.bodies().values()) == [MAILS[2]]


def test_uids_and_uidvalidity_stay(server: ImapSource | Dovecot, login: Login) -> None:
    seen = []
    for _ in range(2):
        client = imaplib.IMAP4(server.host, server.imap_port, timeout=20)
        client.login(login.name, login.password)
        client.select()
        seen.append(client.response("UIDVALIDITY")[1])
        client.shutdown()
    assert seen[0] == seen[1] != [None]


def test_two_clients_have_the_folder_open(server: ImapSource | Dovecot, login: Login) -> None:
    with imap_client(server.imap_port, login) as one, imap_client(server.imap_port, login) as other:
        uids = filled(one)
        other.expunge(uids[:1])
        one.append(MAILS[0])
        assert list(one.bodies().values()) == [*MAILS[1:], MAILS[0]]


def test_a_wrong_password_is_refused(server: ImapSource | Dovecot, login: Login) -> None:
    client = imaplib.IMAP4(server.host, server.imap_port, timeout=20)
    with pytest.raises(imaplib.IMAP4.error):
        client.login(login.name, "wrong")
    client.shutdown()
