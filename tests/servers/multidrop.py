"""One catch-all mailbox, full of `tests.fakes.multidrop`, carried from Dovecot to a recording target: by
Mailferry, and by fetchmail in the multidrop mode, configured for `firma.de` as its manual wants it.
"""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from tests.fakes.multidrop import LETTERS
from tests.servers.available import require
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.ports import LOOPBACK
from tests.servers.process import ServerError
from tests.servers.smtp_sink import SmtpSink, SunkMail

CATCH_ALL = (
    'mailbox = "catch-all"',
    'domains = { "firma.de" = "keep" }',
    'unknown_recipients = "postmaster@firma.de"',
    'auth = ["user"]',
)
DEADLINE = 60.0
Found: TypeAlias = Mapping[str, Counter[str]]
"""Copies by origin and recipient, without the common domain."""


def by_mailferry(dovecot: Dovecot, directory: Path) -> Found:
    """One pass of Mailferry, after which the mailbox is empty."""
    login = _filled(dovecot)
    with server_directory("sink") as place, SmtpSink(place) as sink:
        text = configuration([account("all", dovecot.pop3_port, login, *CATCH_ALL)], target=sink.port)
        with Ferry(directory, text) as ferry:
            ended = ferry.call("once")
        if ended.code or dovecot.remaining_count(login.name):
            raise ServerError(f"mailferry once ended with {ended.code}: {ended.err}")
        return _found_in(sink.mails())


def by_fetchmail(dovecot: Dovecot, envelope: str | None) -> Found:
    """One pass of fetchmail; `envelope` is the field with the recipient, None for Received lines."""
    login = _filled(dovecot)
    with server_directory("sink") as place, SmtpSink(place) as sink, server_directory("home") as home:
        _run_fetchmail(home, dovecot, login, sink.port, envelope)
        return _found_in(sink.mails())


def _filled(dovecot: Dovecot) -> Login:
    login = dovecot.new_user()
    dovecot.fill(login.name, (each.raw for each in LETTERS))
    return login


def _found_in(mails: Iterable[SunkMail]) -> Found:
    found: dict[str, Counter[str]] = {each.origin: Counter() for each in LETTERS}
    for each in mails:
        (tag,) = [line[7:].decode() for line in each.content.split(b"\n") if line.startswith(b"X-Tag: ")]
        found[tag].update(address.lower().removesuffix("@firma.de") for address in each.recipients)
    return found


def _run_fetchmail(home: Path, dovecot: Dovecot, login: Login, smtp_port: int, envelope: str | None) -> None:
    told = "" if envelope is None else f'envelope "{envelope}"'
    rc = home / "fetchmailrc"
    rc.write_text(
        f"""
        set postmaster "postmaster"
        set no bouncemail
        poll mx.isp.example via {LOOPBACK} protocol pop3 port {dovecot.pop3_port} auth password
        no dns aka "isp.example" localdomains "firma.de" {told}:
        user "{login.name}" password "{login.password}" is * here
        smtphost "{LOOPBACK}/{smtp_port}" smtpaddress "firma.de" sslproto "" fetchall no keep no rewrite
        """
    )
    rc.chmod(0o600)
    command = [str(require("fetchmail")), "--silent", "--nosyslog", "-f", str(rc)]
    environment = {**os.environ, "FETCHMAILHOME": str(home), "HOME": str(home)}
    done = subprocess.run(command, check=False, capture_output=True, env=environment, timeout=DEADLINE)
    if done.returncode:
        raise ServerError(f"fetchmail ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
