"""Run control files as fetchmail itself understands them (`--configdump`), and as we do."""

from __future__ import annotations

import ast
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from shared.importing.fetchmail.entries import Entry, User
from shared.importing.fetchmail.parser import parse
from shared.importing.result import UnreadableImport
from tests.servers.available import require

DEADLINE = 60.0
FILES = {
    "everything on one line": "poll a.example proto pop3 user joe pass p is j here keep ssl",
    "noise and punctuation": (
        "poll a.example: with proto pop3, and timeout 9; user joe has pass p is j here wants keep"
    ),
    "comments": ("# first\npoll a.example # second\nproto imap user joe#x pass #third\n p is j # last"),
    "quotation marks": 'poll "a.example" proto pop3 user \'jo "e\' pass "it\'s" is "j k" here',
    "marks within a word": 'poll a.example proto pop3 user "a"b pass o\'k is j here',
    "escapes": 'poll a.example proto pop3 user a\\x41b pass "\\65\\x42\\0103\\t\\\\q" is j here',
    "a string over lines": 'poll a.example proto pop3 user j pass "p\\\nq" is j here mda "x\ny"',
    "joined lines": "poll a.example \\\n proto pop3 user j pass p is j here",
    "names that are keywords": ("poll a.example proto pop3 user keep pass ssl is nokeep here no keep"),
    "numbers as names": "poll a.example proto pop3 user 12 pass 34 is 56 here",
    "here before there": "poll a.example proto pop3 user j here is joe there pass p",
    "multidrop": (
        "poll a.example proto pop3 aka b.example c.example localdomains "
        'd.example e.example no dns\nenvelope 2 "X-Rcpt" qvirtual q- user joe '
        'pass p to x y=z "v w" * here smtphost s/25 t smtpaddress f.example'
    ),
    "no envelope": "poll a.example proto pop3 no envelope user joe pass p to * here",
    "several users": (
        "poll a.example proto imap user a pass 1 is b folder x y keep user c pass 2 is d here fetchall"
    ),
    "several entries": (
        "poll a.example proto pop3 user a pass 1 skip b.example proto imap via c user d pass 2 is e"
    ),
    "defaults": (
        "defaults proto imap timeout 7 user x ssl limit 9 poll a.example user "
        "b pass c is d here\npoll b.example proto pop3 timeout 8 user e pass f "
        "is g limit 10 ssl"
    ),
    "global options": (
        'set daemon 300 set postmaster "root" set no bouncemail poll a.example proto pop3 user b pass c'
    ),
    "lists given twice": (
        "poll a.example proto pop3 aka b aka c user b pass d is e is f to g smtphost h smtphost i"
    ),
    "no user word": "poll a.example proto pop3 pass p is j here",
    "methods": "poll a.example proto pop3 auth password port 1110 interval 3 user b pass c",
    "limits": (
        "poll a.example proto pop3 uidl user b pass c limit 1 warnings 2 batchlimit 3 fetchlimit 4 expunge 5"
    ),
    "tls": (
        'poll a.example proto pop3 user b pass c ssl sslproto "TLS1.2+" '
        'sslcertck sslcertfile "/x" sslfingerprint "y"'
    ),
    "words run together": (
        "poll a.example proto pop3 nodns nouidl user b pass c nokeep noflush norewrite noidle"
    ),
    "unknown words": "poll a.example proto pop3 user b pass c keep frobnicate",
    "an option behind a user": "poll a.example user b pass c keep proto pop3",
    "a missing number": "poll a.example port x user b",
    "a missing name": "poll a.example proto pop3 user",
    "domains in defaults": (
        "defaults proto pop3 localdomains d.example user x smtphost s folder f "
        "is n here\npoll a.example localdomains e.example user b pass c "
        "smtphost t folder g is o here poll b.example user c pass d"
    ),
}
FLAGS = ("keep", "ssl", "fetchall", "flush", "rewrite", "idle")
NUMBERS = ("limit", "batchlimit", "fetchlimit", "expunge")
TEXTS = ("mda", "smtpaddress", "sslproto", "sslcertfile", "sslfingerprint")


def understood_by_fetchmail(directory: Path, text: str) -> dict[str, Any] | None:
    """What fetchmail reads, None where it refuses the file."""
    path = directory / "fetchmailrc"
    path.write_text(text + "\n", "utf-8")
    path.chmod(0o600)
    environment = {**os.environ, "HOME": str(directory), "LC_ALL": "C"}
    command = [str(require("fetchmail")), "-f", str(path), "--configdump"]
    done = subprocess.run(command, check=False, capture_output=True, env=environment, timeout=DEADLINE)
    if done.returncode:
        return None
    dump = (
        done.stdout.decode().partition("fetchmailrc = ")[2].replace("TRUE", "True").replace("FALSE", "False")
    )
    read: dict[str, Any] = ast.literal_eval(dump[: dump.rindex("}") + 1])
    return read


@pytest.mark.parametrize("name", list(FILES))
def test_we_understand_what_fetchmail_understands(tmp_path: Path, name: str) -> None:
    theirs = understood_by_fetchmail(tmp_path, FILES[name])
    try:
        ours = parse(FILES[name])
    except UnreadableImport:
        assert theirs is None
        return
    unknown = [*ours.unknown, *(each for entry in ours.entries for each in entry.unknown)]
    if theirs is None:
        assert unknown
        return
    assert not unknown
    assert [each["pollname"] for each in theirs["servers"]] == [each.name for each in ours.entries]
    daemon = ours.options.get("daemon")
    assert theirs["poll_interval"] == (int(daemon.value) if daemon is not None else 0)
    default = ours.defaults or Entry(0, "")
    for server, entry in zip(theirs["servers"], ours.entries, strict=True):
        compare_servers(server, entry, default)


def compare_servers(theirs: dict[str, Any], ours: Entry, default: Entry) -> None:
    options = {**default.options, **ours.options}
    assert theirs["active"] == ours.polled
    for name, key in (("via", "via"), ("qvirtual", "qvirtual")):
        assert theirs[key] == (options[name].value if name in options else None)
    assert theirs["aka"] == list(options["aka"].values if "aka" in options else ())
    assert theirs["localdomains"] == list(options["localdomains"].values if "localdomains" in options else ())
    if "proto" in options:
        assert theirs["protocol"].lower() == options["proto"].value.lower()
    if "timeout" in options:
        assert theirs["timeout"] == int(options["timeout"].value)
    if "interval" in options:
        assert theirs["interval"] == int(options["interval"].value)
    envelope = options.get("envelope")
    if envelope is not None and envelope.on:
        assert theirs["envelope"] == envelope.value
        assert theirs["envskip"] == (int(envelope.values[0]) if len(envelope.values) > 1 else 0)
    default_user = default.users[0] if default.users else User(0)
    assert len(theirs["users"]) == max(len(ours.users), 1)
    for user, mine in zip(theirs["users"], ours.users, strict=False):
        compare_users(user, mine, default_user)


def compare_users(theirs: dict[str, Any], ours: User, default: User) -> None:
    options = {**default.options, **ours.options}
    if ours.remote is not None:
        assert theirs["remote"] == ours.remote
    assert theirs["password"] == (options["password"].value if "password" in options else None)
    names: list[Any] = [each.name if each.of is None else (each.of, each.name) for each in ours.local]
    if names:
        assert theirs["localnames"] == names + (["*"] if ours.wildcard else [])
    elif ours.wildcard:
        assert theirs["localnames"][-1] == "*"
    for name in FLAGS:
        if name in options:
            assert theirs[name] == options[name].on
    for name in NUMBERS:
        assert theirs[name] == (int(options[name].value) if name in options else 0)
    for name in TEXTS:
        assert theirs[name] == (options[name].value if name in options else None)
    assert theirs["mailboxes"] == list(options["folder"].values if "folder" in options else ())
    if "smtphost" in options:
        assert theirs["smtphunt"] == list(options["smtphost"].values)
