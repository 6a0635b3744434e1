"""Mails that do not begin with a header field reach real targets with header and text whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import product

import pytest

from tests.servers.available import require, unavailable
from tests.servers.directory import is_root, server_directory
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.postfix import Postfix
from tests.servers.smtp_sink import SmtpSink

ABOVE = {
    "postmark": b"From bob Mon Nov 30 10:00:00 2026\r\n",
    "quoted-postmark": b">From bob Mon Nov 30 10:00:00 2026\r\n",
    "mark": b"\xef\xbb\xbf",
    "blank": b"\r\n",
    "text": b"text without a colon\r\n",
    "folded": b" text that seems to be folded\r\n",
    "all": b"\xef\xbb\xbf\r\nFrom bob Mon Nov 30\r\n>From eve Tue Dec 1\r\ntext\r\n\r\n",
    "nothing": b"",
}
SIZES = {"small": 3, "blob": 9_000}
BODY_LINE = b"From here on: .dots, \xe4 and text, which stays as it is\r\n"
DOMAIN = "target.example"
NAMES = [f"{above}-{size}" for above, size in product(ABOVE, SIZES)]


def mail(name: str) -> bytes:
    above = ABOVE[name.rpartition("-")[0]]
    header = (
        "Received: from out.x.example ([192.0.2.1]) by mx.isp.example id 4A; Mon, 02 Nov 2026 08:00:00 +0000",
        "From: Anna <anna@x.example>",
        f"To: {name}@{DOMAIN}",
        f"Subject: Above: {name}",
        f"Message-ID: <{name}@x.example>",
        "Date: Mon, 02 Nov 2026 08:00:00 +0000",
        "MIME-Version: 1.0",
        'Content-Type: text/x-odd; charset="iso-8859-1"',
        "Content-Transfer-Encoding: 8bit",
    )
    return above + "\r\n".join(header).encode() + b"\r\n\r\n" + body(name)


def body(name: str) -> bytes:
    return b"\r\n" + BODY_LINE * SIZES[name.rpartition("-")[2]]


@dataclass(frozen=True)
class Arrived:
    """The mails that each target received, by name, and the output of the passes."""

    postfix: dict[str, list[bytes]]
    lmtp: dict[str, list[bytes]]
    dovecot: dict[str, list[bytes]]
    passes: list[dict[str, int]]

    def of(self, target: str, name: str) -> bytes:
        """The only mail that arrived there under this name."""
        targets = {"postfix": self.postfix, "lmtp": self.lmtp, "dovecot": self.dovecot}
        (found,) = targets[target].get(name, [])
        return found


@pytest.fixture(scope="module")
def arrived(dovecot: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arrived]:
    """Carry all mails from a catch-all mailbox to each target; in a second pass, a copy of each mail."""
    require("postfix")
    require("smtp-sink")
    if not is_root():
        unavailable("only root can start a Postfix")
    with (
        server_directory("postfix") as directory,
        Postfix(directory, domains=(DOMAIN,)) as postfix,
        server_directory("sink") as kept,
        SmtpSink(kept, lmtp=True) as sink,
    ):
        for name in NAMES:
            dovecot.add_user(name, "unused")
        # A stolen test brings this module back to a worker that had left it; its Dovecot has mails from then.
        earlier = {name: dovecot.remaining_count(name) for name in NAMES}
        logins = [dovecot.new_user() for _ in range(3)]
        catch_all = 'mailbox = "catch-all"', f'domains = {{ "{DOMAIN}" = "keep" }}'
        first = account("first", dovecot.pop3_port, logins[0], *catch_all)
        second = account("second", dovecot.pop3_port, logins[1], *catch_all, 'target = "store"')
        third = account("third", dovecot.pop3_port, logins[2], *catch_all, 'target = "dovecot"')
        text = configuration(
            [
                first,
                second.replace('tenant = "acme"', 'tenant = "other"'),
                third.replace('tenant = "acme"', 'tenant = "third"'),
                lmtp_target("store", sink.port),
                lmtp_target("dovecot", dovecot.lmtp_port),
            ],
            target=postfix.port,
        )
        passes: list[dict[str, int]] = []
        with Ferry(tmp_path_factory.mktemp("ferry"), text) as ferry:
            for _ in range(2):
                for login in logins:
                    dovecot.fill(login.name, [mail(name) for name in NAMES])
                ended = ferry.call("once", "-o", "json")
                assert ended.code == 0, ended.out + ended.err
                passes += json.loads(ended.out)
        sunk = sink.mails()
        yield Arrived(
            {name: postfix.delivered(f"{name}@{DOMAIN}") for name in NAMES},
            {
                name: [each.content for each in sunk if each.recipients == (f"{name}@{DOMAIN}",)]
                for name in NAMES
            },
            {name: dovecot.remaining(name)[earlier[name] :] for name in NAMES},
            passes,
        )


def lmtp_target(name: str, port: int) -> str:
    return f'\n[[targets]]\nname = "{name}"\nurl = "lmtp://127.0.0.1:{port}"\ntls = "off"\n'


def read(content: bytes) -> EmailMessage:
    found = message_from_bytes(content, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


@pytest.mark.parametrize("target", ["postfix", "lmtp", "dovecot"])
@pytest.mark.parametrize("name", NAMES)
def test_the_target_sees_the_header_and_the_type(arrived: Arrived, target: str, name: str) -> None:
    found = read(arrived.of(target, name))
    assert found.defects == []
    assert found["From"] == "Anna <anna@x.example>"
    assert found["To"] == f"{name}@{DOMAIN}"
    assert found["Subject"] == f"Above: {name}"
    assert found.get_all("Message-ID") == [f"<{name}@x.example>"]
    assert found.get_content_type() == "text/x-odd"
    assert found.get_content_charset() == "iso-8859-1"


@pytest.mark.parametrize("target", ["postfix", "lmtp", "dovecot"])
@pytest.mark.parametrize("name", NAMES)
def test_the_text_below_the_header_is_untouched(arrived: Arrived, target: str, name: str) -> None:
    _, _, text = arrived.of(target, name).partition(b"\n\n")
    assert text.rstrip(b"\n") == body(name).replace(b"\r\n", b"\n").rstrip(b"\n")


@pytest.mark.parametrize("target", ["postfix", "lmtp", "dovecot"])
def test_text_that_stood_above_the_header_is_kept(arrived: Arrived, target: str) -> None:
    shown = {name: read(arrived.of(target, f"{name}-small")).get_all("X-Mailbox-Line", []) for name in ABOVE}
    assert shown == {
        "postmark": ["From bob Mon Nov 30 10:00:00 2026"],
        "quoted-postmark": [">From bob Mon Nov 30 10:00:00 2026"],
        "mark": [],
        "blank": [],
        "text": ["text without a colon"],
        "folded": ["text that seems to be folded"],
        "all": ["From bob Mon Nov 30", ">From eve Tue Dec 1", "text"],
        "nothing": [],
    }


def test_a_copy_of_such_a_mail_is_recognised(arrived: Arrived) -> None:
    number = len(NAMES)
    assert [(each["delivered"], each["suppressed"]) for each in arrived.passes] == [
        *[(number, 0)] * 3,
        *[(0, number)] * 3,
    ]
