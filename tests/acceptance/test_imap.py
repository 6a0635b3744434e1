"""Mail is fetched from a real Dovecot by IMAP, and delivered to a real SMTP server."""

from __future__ import annotations

import json
from pathlib import Path

from tests.fakes.tagged import tag_of, tagged_mails
from tests.servers.available import require
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.smtp_sink import SmtpSink

RETENTIONS = {"amy": "delete", "bob": "keep", "cas": "7d"}
COUNT = 60


def test_two_passes_over_imap_deliver_everything_once_and_delete_what_they_should(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    require("smtp-sink")
    logins = {name: dovecot.new_user() for name in RETENTIONS}
    mails = {name: tagged_mails(name, COUNT, to=f"{name}@corp.example") for name in RETENTIONS}
    for name, login in logins.items():
        dovecot.fill(login.name, [mail.raw for mail in mails[name]])
    accounts = [
        account(name, dovecot.imap_port, logins[name], f'retention = "{retention}"', scheme="imap")
        for name, retention in RETENTIONS.items()
    ]
    with server_directory("sink") as directory, SmtpSink(directory) as sink:
        with Ferry(tmp_path, configuration(accounts, target=sink.port)) as ferry:
            passes = [ferry.call("once", "-o", "json") for _ in range(2)]
            verified = ferry.call("journal", "verify")
        arrived = sorted(tag_of(each.content) for each in sink.mails())
    assert [(each.code, each.err) for each in passes] == [(0, "")] * 2
    first, second = (json.loads(each.out) for each in passes)
    assert [(row["fetched"], row["delivered"], row["deleted"]) for row in first] == [
        (COUNT, COUNT, COUNT), (COUNT, COUNT, 0), (COUNT, COUNT, 0),
    ]  # fmt: skip
    assert [(row["fetched"], row["delivered"], row["deleted"]) for row in second] == [(0, 0, 0)] * 3
    assert arrived == sorted(mail.tag for each in mails.values() for mail in each)
    assert dovecot.remaining(logins["amy"].name) == []
    for name in ("bob", "cas"):
        assert dovecot.remaining(logins[name].name) == [mail.raw for mail in mails[name]]
    assert verified.out == f"{3 * COUNT} mails, no differences\n"


def test_a_running_mailferry_fetches_by_imap_over_tls_what_comes(dovecot: Dovecot, tmp_path: Path) -> None:
    require("smtp-sink")
    login = dovecot.new_user()
    (old, new) = tagged_mails("amy", 2, to="amy@corp.example")
    dovecot.fill(login.name, [old.raw])
    lines = ('tls = "required"', f'ca_file = "{dovecot.certificate.chain}"', 'retention = "delete"')
    source = account("amy", dovecot.imap_port, login, *lines, scheme="imap").replace("127.0.0.1", "localhost")
    with server_directory("sink") as directory, SmtpSink(directory) as sink:
        with Ferry(tmp_path, configuration([source], target=sink.port)) as ferry:
            process = ferry.start().ready()
            process.wait_until(lambda: dovecot.remaining_count(login.name) == 0)
            dovecot.fill(login.name, [new.raw])
            process.wait_until(lambda: dovecot.remaining_count(login.name) == 0)
            assert process.terminate() == 0
            assert ferry.call("journal", "verify").out == "2 mails, no differences\n"
        assert sorted(tag_of(each.content) for each in sink.mails()) == sorted([old.tag, new.tag])


def test_a_copy_goes_when_its_days_are_over_and_flags_stay_as_they_were(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    library = str(require("faketime"))
    require("smtp-sink")
    login = dovecot.new_user()
    mails = tagged_mails("cas", 3, to="cas@corp.example")
    dovecot.fill(login.name, [mail.raw for mail in mails])
    source = account("cas", dovecot.imap_port, login, 'retention = "7d"', scheme="imap")
    days = {"LD_PRELOAD": library, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME": "+8d"}
    with (
        server_directory("sink") as directory,
        SmtpSink(directory) as sink,
        Ferry(tmp_path, configuration([source], target=sink.port)) as ferry,
    ):
        assert ferry.call("once").code == 0
        unseen = list((dovecot.maildir(login.name) / "new").iterdir())
        assert len(unseen) == 3, "EXAMINE and PEEK leave new mail new"
        later = ferry.call("once", "-o", "json", **days)
        assert later.code == 0, later.err
        assert (json.loads(later.out)[0]["deleted"], json.loads(later.out)[0]["fetched"]) == (3, 0)
        assert len(sink.mails()) == 3
    assert dovecot.remaining_count(login.name) == 0
