"""The mails of a measurement: all different, of about the given size."""

from __future__ import annotations

LINE = b"The ferry crosses the water at the same hour whether anybody waits for it or not, and back.\r\n"


def mail(number: int, account: str, octets: int) -> bytes:
    """A mail of about `octets`; no other has its Message-ID and body."""
    head = (
        f"Received: from mx.sender.test by pop.source.test with ESMTP id {number}\r\n"
        f"\tfor <{account}@here.test>; Mon, 02 Nov 2026 10:00:00 +0000\r\n"
        f"Message-ID: <{account}.{number}@sender.test>\r\n"
        f"Date: Mon, 02 Nov 2026 10:00:00 +0000\r\n"
        f"From: Sender <sender@sender.test>\r\n"
        f"To: {account} <{account}@here.test>\r\n"
        f"Subject: mail {number} for {account}\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
        "\r\n"
    ).encode()
    lines = max(0, octets - len(head)) // len(LINE)
    return head + LINE * lines
