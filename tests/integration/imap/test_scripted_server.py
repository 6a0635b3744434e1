"""The scripted IMAP server against Python's imaplib: what the other tests rely on."""

from __future__ import annotations

import imaplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes import odd_imap
from tests.fakes.background import in_background
from tests.fakes.imap_server import BASIC, HANG_UP, ImapServer
from tests.servers.certificate import make_certificate

MAILS = [b"Subject: %d\r\n\r\n%s\r\n" % (number, b"x" * number) for number in range(1, 6)]
DELETED = r"(\Deleted)"


@contextmanager
def client_of(server: ImapServer, folder: str | None = "INBOX") -> Iterator[imaplib.IMAP4]:
    client = imaplib.IMAP4(server.host, server.port, timeout=10)
    try:
        client.login("ann", "secret")
        if folder is not None:
            client.select(folder)
        yield client
    finally:
        client.shutdown()


@pytest.fixture
def server() -> Iterator[ImapServer]:
    with in_background(ImapServer({"ann": {"INBOX": MAILS, "Archive": MAILS[:1]}})) as running:
        yield running


def bodies(client: imaplib.IMAP4, uids: str, what: str = "BODY.PEEK[]") -> list[bytes]:
    _, found = client.uid("FETCH", uids, f"(UID {what})")
    return [each[1] for each in found if isinstance(each, tuple)]


def searched(client: imaplib.IMAP4, *criteria: str) -> bytes:
    return client.uid("SEARCH", *criteria)[1][0] or b""


def test_mails_are_listed_and_read_without_a_trace(server: ImapServer) -> None:
    with client_of(server) as client:
        assert client.response("UIDNEXT")[1] == [b"6"]
        assert searched(client, "UID 2:3,5:*") == b"2 3 5"
        assert client.uid("FETCH", "9:*", "(UID RFC822.SIZE)")[1] == [
            b"5 (UID 5 RFC822.SIZE %d)" % len(MAILS[4])
        ]
        assert bodies(client, "1:*") == MAILS
        assert bodies(client, "2", "BODY.PEEK[]<3.4>") == [MAILS[1][3:7]]
        assert bodies(client, "2", "BODY.PEEK[HEADER]") == [b"Subject: 2\r\n\r\n"]
    assert all(mail.flags == set() for mail in server.folder("ann").mails)


def test_only_what_is_marked_is_expunged(server: ImapServer) -> None:
    with client_of(server) as client:
        client.uid("STORE", "1,3", "+FLAGS.SILENT", DELETED)
        assert searched(client, "DELETED") == b"1 3"
        client.uid("EXPUNGE", "2:3")
        assert server.folder("ann").uids == [1, 2, 4, 5]
        client.expunge()
    assert server.folder("ann").uids == [2, 4, 5]
    assert [mail.raw for mail in server.folder("ann").expunged] == [MAILS[2], MAILS[0]]


def test_mails_are_copied_and_moved_with_their_object_id(server: ImapServer) -> None:
    ids = [mail.object_id for mail in server.folder("ann").mails]
    with client_of(server) as client:
        client.uid("COPY", "1", "Archive")
        client.uid("MOVE", "2:3", "Archive")
        assert client.uid("COPY", "1", "Nowhere")[0] == "NO"
    assert server.folder("ann").uids == [1, 4, 5]
    assert [mail.object_id for mail in server.folder("ann", "Archive").mails[1:]] == ids[:3]


def test_what_is_examined_cannot_be_changed(server: ImapServer) -> None:
    with client_of(server, None) as client:
        client.select("INBOX", readonly=True)
        assert client.uid("STORE", "1", "+FLAGS", DELETED)[0] == "NO"
        bodies(client, "1", "BODY[]")
    assert server.folder("ann").mail(1).flags == set()


def test_another_client_is_seen_with_the_next_answer(server: ImapServer) -> None:
    with client_of(server) as client:
        server.folder("ann").expunge({2, 4})
        server.folder("ann").append(b"Subject: new\r\n\r\n")
        client.noop()
        assert client.response("EXPUNGE")[1] == [b"4", b"2"]
        assert client.response("EXISTS")[1][-1] == b"4"
        assert bodies(client, "6") == [b"Subject: new\r\n\r\n"]


def test_a_mail_is_appended_by_a_literal(server: ImapServer) -> None:
    with client_of(server) as client:
        client.append("Archive", r"(\Seen)", "", b"Subject: NUL \0 and \x80\r\n\r\n")
    added = server.folder("ann", "Archive").mails[-1]
    assert (added.raw, added.flags) == (b"Subject: NUL \0 and \x80\r\n\r\n", {"\\Seen"})


def test_folders_and_their_status_are_listed(server: ImapServer) -> None:
    with client_of(server, None) as client:
        assert client.list()[1] == [b'() "/" "INBOX"', b'() "/" "Archive"']
        assert client.status("Archive", "(MESSAGES UIDNEXT UIDVALIDITY)")[1] == [
            b'"Archive" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1700000000)'
        ]


def test_all_ways_to_log_in(server: ImapServer) -> None:
    for initial in (True, False):
        server.capabilities = [*BASIC, "SASL-IR"] if initial else BASIC
        client = imaplib.IMAP4(server.host, server.port, timeout=10)
        client.authenticate("PLAIN", lambda _: b"\0ann\0secret")
        client.logout()
    client = imaplib.IMAP4(server.host, server.port, timeout=10)
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        client.login("ann", "wrong")
    client.shutdown()


def test_tls_is_started(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    trusting = ssl.create_default_context(cafile=str(certificate.chain))
    with in_background(ImapServer({"ann": MAILS}, tls=context)) as server:
        client = imaplib.IMAP4("localhost", server.port, timeout=10)
        client.starttls(trusting)
        assert "STARTTLS" not in client.capabilities
        client.login("ann", "secret")
        client.logout()


def test_idle_tells_of_new_mail(server: ImapServer) -> None:
    with client_of(server) as client:
        client.send(b"X IDLE\r\n")
        assert client.readline() == b"+ idling\r\n"
        server.folder("ann").append(b"Subject: new\r\n\r\n")
        assert client.readline() == b"* 6 EXISTS\r\n"
        client.send(b"DONE\r\n")
        assert client.readline() == b"X OK done\r\n"


def test_extended_searches_are_answered_as_such(server: ImapServer) -> None:
    with client_of(server) as client:
        client.send(b"X UID SEARCH RETURN (ALL) UID 1:3,5\r\n")
        assert client.readline() == b'* ESEARCH (TAG "X") UID ALL 1:3,5\r\n'


def test_answers_are_replaced_by_verb_and_by_line(server: ImapServer) -> None:
    server.behaviours = {
        "NOOP": b"$TAG NO [LIMIT] later\r\n",
        "UID FETCH 1 (UID)": b"* 9 FETCH (UID 9)\r\n$TAG OK done\r\n",
        "UNSELECT": HANG_UP,
    }
    with client_of(server) as client:
        assert client.noop() == ("NO", [b"[LIMIT] later"])
        assert client.uid("FETCH", "1", "(UID)")[1] == [b"9 (UID 9)"]
        assert client.uid("FETCH", "2", "(UID)")[1] == [b"2 (UID 2)"]
        with pytest.raises(imaplib.IMAP4.abort):
            client.unselect()


def test_new_uids_come_with_another_uidvalidity(server: ImapServer) -> None:
    odd_imap.the_uidvalidity_changes_at_select(server)
    with client_of(server) as client:
        assert client.response("UIDVALIDITY")[1] == [b"1700000001"]
        assert bodies(client, "1") == [MAILS[4]]


def test_a_mail_can_be_cut_in_its_middle(server: ImapServer) -> None:
    odd_imap.it_hangs_up_in_the_middle_of_a_mail(server)
    with client_of(server) as client, pytest.raises((imaplib.IMAP4.abort, OSError)):
        bodies(client, "5")


def test_every_oddity_leaves_a_server_that_greets() -> None:
    oddities = [
        each
        for name, each in vars(odd_imap).items()
        if callable(each) and getattr(each, "__module__", "") == odd_imap.__name__
        if not name.startswith("_") and name not in {"once", "changed", "it_says_nothing"}
    ]
    assert len(oddities) > 30
    for oddity in oddities:
        server = ImapServer({"u": MAILS})
        oddity(server)
        with in_background(server), socket.create_connection((server.host, server.port), 10) as plain:
            assert plain.recv(1) == b"*", oddity.__name__
