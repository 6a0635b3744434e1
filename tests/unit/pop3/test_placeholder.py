from __future__ import annotations

import pytest

from shared.pop3.placeholder import is_placeholder

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
