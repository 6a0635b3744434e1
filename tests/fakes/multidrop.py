"""The mails in a catch-all mailbox for `firma.de` at `isp.example`, with their true recipients.

The provider's server is `mx.isp.example`, the mailbox is `catchall@isp.example`. The true recipients were in
the envelope. The header may repeat all, some or none of them; with none, the mail is for the postmaster.
Mails of one `origin` are copies: each recipient is to get one of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.fakes.mails import mail

OUTSIDE = "out.sender.example (out.sender.example [192.0.2.1])"
TAKEN = f"Received: from {OUTSIDE} by mx.isp.example (Postfix) with ESMTP id 1"
DATE = "; Mon, 02 Nov 2026 10:00:00 +0000"
PLAIN = TAKEN + DATE
FILTERED = (
    "Received: from localhost (localhost [127.0.0.1]) by mx.isp.example (Postfix) with ESMTP id 4" + DATE,
    "Received: from mx.isp.example ([127.0.0.1]) by localhost (mx.isp.example [127.0.0.1])"
    " (amavisd-new, port 10024) with ESMTP id 3" + DATE,
)
SENT = "Received: from me by out.sender.example with ESMTP id 2"


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail. `truly` are the local parts of its recipients at firma.de. Copies have the same `origin`."""

    origin: str
    raw: bytes
    truly: frozenset[str]


def letter(
    origin: str, truly: Sequence[str], *lines: str, body: bytes = b"Hallo\r\n", name: str = ""
) -> Letter:
    """Return a mail with these lines. `name` is the Message-ID and subject, if other mails share it."""
    own = (
        f"X-Tag: {origin}",
        "From: Anna <anna@sender.example>",
        f"Message-ID: <{(name or origin).replace(' ', '-')}@sender.example>",
        f"Subject: {name or origin}",
        "Date: Mon, 02 Nov 2026 10:00:00 +0000",
    )
    return Letter(origin, mail(*lines, *own, body=body), frozenset(truly))


def received(*recipients: str) -> str:
    """Return the provider's Received line that names these recipients."""
    return f"{TAKEN} for <{'>,<'.join(recipients)}>{DATE}"


LETTERS = (
    letter("plain", ["bob"], "X-Original-To: bob@firma.de", PLAIN, "To: Bob <bob@firma.de>"),
    letter("by To alone", ["bob"], PLAIN, "To: Bob <bob@firma.de>"),
    letter(
        "three with one of another domain",
        ["sie", "kollege"],
        PLAIN,
        "To: sie@firma.de, kollege@firma.de, billg@microsoft.com",
    ),
    letter(
        "semicolons as Outlook writes them",
        ["sie", "kollege"],
        PLAIN,
        "To: sie@firma.de; kollege@firma.de; billg@microsoft.com",
    ),
    letter(
        "blind copy in X-Original-To", ["dave"], "X-Original-To: dave@firma.de", PLAIN, "To: bob@firma.de"
    ),
    letter("blind copy in Received for", ["dave"], received("dave@firma.de"), "To: bob@firma.de"),
    letter(
        "blind copy behind a content filter",
        ["dave"],
        *FILTERED,
        received("dave@firma.de"),
        "To: bob@firma.de",
    ),
    letter("address without brackets", ["bob", "carol"], PLAIN, 'To: Bob bob@firma.de, "carol@firma.de"'),
    letter(
        "blind copy of a list mail",
        ["carol"],
        "X-Original-To: carol@firma.de",
        PLAIN,
        "List-Id: <talk.lists.example>",
        "To: talk@lists.example",
    ),
    letter("forged Received for", ["bob"], PLAIN, f"{SENT} for <eve@firma.de>{DATE}", "To: bob@firma.de"),
    letter(
        "forged line of the provider's",
        ["bob"],
        PLAIN,
        f"{TAKEN} for <eve@firma.de>{DATE}",
        "To: bob@firma.de",
    ),
    letter(
        "forged X-Original-To",
        ["bob"],
        received("bob@firma.de"),
        "X-Original-To: eve@firma.de",
        "To: bob@firma.de",
    ),
    letter("encoded word with an at sign", ["bob"], PLAIN, "To: =?utf-8?q?eve@firma.de?= <bob@firma.de>"),
    letter("address as a name", ["bob"], PLAIN, 'To: "eve@firma.de" <bob@firma.de>'),
    letter("comma in a name", ["bob"], PLAIN, 'To: "Meier, Bob" <bob@firma.de>'),
    letter(
        "group and comments",
        ["bob", "carol"],
        PLAIN,
        "To: Team: bob@firma.de (eve@firma.de), <carol@firma.de>;",
    ),
    letter("upper case domain", ["bob"], PLAIN, "To: bob@FIRMA.DE"),
    letter(
        "resent", ["bob"], "Resent-From: x@y.example", "Resent-To: bob@firma.de", PLAIN, "To: carol@firma.de"
    ),
    letter("nobody named", ["postmaster"], PLAIN, "To: undisclosed-recipients:;"),
    letter("list mail without a trace", ["postmaster"], PLAIN, "List-Id: <x.y>", "To: talk@lists.example"),
    *[
        letter("three copies that name all", [each], PLAIN, "To: bob@firma.de, carol@firma.de, dave@firma.de")
        for each in ("bob", "carol", "dave")
    ],
    *[
        letter(
            "a copy for each",
            [each],
            f"X-Original-To: {each}@firma.de",
            PLAIN,
            "To: bob@firma.de, dave@firma.de",
        )
        for each in ("bob", "dave")
    ],
    *[
        letter("a copy for somebody unnamed", [each], PLAIN, "To: bob@firma.de")
        for each in ("bob", "postmaster")
    ],
    letter("same id, one content", ["bob"], PLAIN, "To: bob@firma.de", name="same id"),
    letter("same id, other content", ["bob"], PLAIN, "To: bob@firma.de", body=b"Other\r\n", name="same id"),
)


def true_recipients() -> dict[str, Counter[str]]:
    """Return how many copies each recipient is to get, by origin: one."""
    found: dict[str, Counter[str]] = {}
    for each in LETTERS:
        found.setdefault(each.origin, Counter()).update(each.truly)
    return found
