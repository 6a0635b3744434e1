from __future__ import annotations

import pytest

from shared.net.reading.placeholder import is_placeholder

SUBJECT = b"Retrieval using the POP3 protocol failed for the following message: 17"


@pytest.mark.parametrize(
    "mail",
    [
        b"Subject: " + SUBJECT + b"\r\n\r\ntext\r\n",
        b"From: x\r\nSUBJECT:\t" + SUBJECT.replace(b"POP3", b"IMAP4") + b"\r\n\r\n",
        b"From: x\r\nSubject: \r\n " + SUBJECT + b"\r\n\r\n",
        b"Subject: " + SUBJECT,
    ],
)
def test_a_notice_of_exchange_is_known_by_its_subject(mail: bytes) -> None:
    assert is_placeholder(mail)


NOTICE = (
    b'From: "Microsoft Exchange Server 2007" \r\nTo: \r\n'
    b"Subject: =?utf-8?Q?Abruf_fehlgeschlagen?=\r\n\r\nDer Server konnte nicht\r\n"
)


@pytest.mark.parametrize("has_listed_size", [True, False])
@pytest.mark.parametrize(
    "notice",
    [
        NOTICE,
        NOTICE.replace(b'"', b""),
        NOTICE.replace(b"From: ", b"from:\r\n "),
        NOTICE.replace(b"Server 2007", b"Server <>"),
    ],
)
def test_a_notice_in_any_language_is_known_by_its_form_whatever_size_is_listed(
    notice: bytes, has_listed_size: bool
) -> None:
    assert is_placeholder(notice, has_listed_size=has_listed_size)


COURIERS = (
    b"From: System Administrator <root@localhost>\r\nSubject: message unavailable\r\n\r\n"
    b"This message is no longer available on the server.\r\n"
)


def test_couriers_notice_is_known_where_another_size_is_listed() -> None:
    assert is_placeholder(COURIERS)
    assert not is_placeholder(COURIERS, has_listed_size=True)
    assert not is_placeholder(COURIERS + b"Really.\r\n")


@pytest.mark.parametrize(
    "mail",
    [
        NOTICE.replace(b"To: ", b"Date: Mon, 1 Jan 2024 10:00:00 +0000"),
        NOTICE.replace(b"To: ", b"Message-ID: <a@b>"),
        b"Received: from a by b\r\n" + NOTICE,
        NOTICE.replace(b'2007" ', b'2007" <admin@acme.example>'),
        b"From: bob\r\nSubject: hello\r\n\r\n" + NOTICE,
        b"Subject: " + SUBJECT + b"\r\n\r\ntext\r\n",
    ],
)
def test_a_real_mail_of_the_listed_size_is_none(mail: bytes) -> None:
    assert not is_placeholder(mail, has_listed_size=True)


@pytest.mark.parametrize(
    "mail",
    [
        b"",
        b"Subject: Fwd: " + SUBJECT + b"\r\n\r\n",
        b"Subject: a question\r\n\r\nSubject: " + SUBJECT + b"\r\n",
        b"X-Subject: " + SUBJECT + b"\r\n\r\n",
    ],
)
def test_a_mail_about_it_is_none(mail: bytes) -> None:
    assert not is_placeholder(mail)
