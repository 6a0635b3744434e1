"""An account that changes its protocol goes on where it was: mails with other names are recognised."""

from __future__ import annotations

import json
from pathlib import Path

from tests.fakes.tagged import tagged_mails
from tests.servers.available import require
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.smtp_sink import SmtpSink

COUNT = 30
PASSES = (("pop3", "keep"), ("imap", "keep"), ("pop3", "keep"), ("imap", "delete"))


def test_copies_that_were_left_over_pop3_are_not_delivered_again_over_imap_nor_the_other_way_round(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    require("smtp-sink")
    login = dovecot.new_user()
    dovecot.fill(login.name, [mail.raw for mail in tagged_mails("amy", COUNT, to="amy@corp.example")])
    ports = {"pop3": dovecot.pop3_port, "imap": dovecot.imap_port}
    rows, verified = [], ""
    with server_directory("sink") as directory, SmtpSink(directory) as sink:
        for scheme, retention in PASSES:
            source = account("amy", ports[scheme], login, f'retention = "{retention}"', scheme=scheme)
            with Ferry(tmp_path, configuration([source], target=sink.port)) as ferry:
                rows += json.loads(ferry.call("once", "-o", "json").out)
                verified = ferry.call("journal", "verify").out
        arrived = len(sink.mails())
    assert [row["delivered"] for row in rows] == [COUNT, 0, 0, 0]
    assert [row["deleted"] for row in rows] == [0, 0, 0, COUNT]
    assert all("were recognised by their content" in row["why"] for row in rows[1:])
    assert (arrived, verified) == (COUNT, f"{COUNT} mails, no differences\n")
    assert dovecot.remaining(login.name) == []
