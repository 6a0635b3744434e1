"""A mailbox that fetchmail carried, and that Mailferry carries on with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from shared.adapters.sql import open_store
from shared.operations.importing import Choices, SaveStatus, plan_import, save
from tests.fakes.command import letter, mailferry
from tests.fakes.database import write_empty_database
from tests.fakes.saved_accounts import ConfigurationFile
from tests.servers.available import require
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ports import LOOPBACK
from tests.servers.smtp_sink import SmtpSink

BOB = "bob@corp.example"
DEADLINE = 60.0


def fetchmailrc(home: Path, dovecot: Dovecot, login: Login, smtp_port: int) -> Path:
    path = home / "fetchmailrc"
    path.write_text(
        f"""
        poll isp.example via {LOOPBACK} protocol pop3 port {dovecot.pop3_port} auth password uidl:
        user "{login.name}" password "{login.password}" is "{BOB}" here
        smtphost "{LOOPBACK}/{smtp_port}" sslproto "" keep no rewrite
        """
    )
    path.chmod(0o600)
    return path


def run_fetchmail(home: Path, path: Path) -> None:
    command = [str(require("fetchmail")), "--silent", "--nosyslog", "-f", str(path)]
    environment = {**os.environ, "FETCHMAILHOME": str(home), "HOME": str(home)}
    done = subprocess.run(command, check=False, capture_output=True, env=environment, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr


async def test_mail_that_fetchmail_delivered_and_kept_is_not_delivered_again(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    require("fetchmail")
    login = dovecot.new_user()
    dovecot.fill(login.name, [letter(number, BOB) for number in range(3)])
    write_empty_database(tmp_path / "mailferry.db")
    path = tmp_path / "mailferry.toml"
    with server_directory("sink") as place, SmtpSink(place) as sink, server_directory("home") as home:
        rc = fetchmailrc(home, dovecot, login, sink.port)
        run_fetchmail(home, rc)
        assert len(sink.mails()) == 3
        dovecot.fill(login.name, [letter(9, BOB)])

        plan = plan_import(rc, "fetchmailrc", Choices(), [home / ".fetchids"])
        [row] = plan.rows
        assert row.is_usable, row.findings
        assert len(plan.known[row.account_id]) == 3
        store = open_store(f"sqlite://{tmp_path}/mailferry.db")
        results = await save(ConfigurationFile(path), store.operator, plan, 1000.0)
        await store.close()
        assert [each.status for each in results] == [SaveStatus.ADDED]

        for _ in range(2):
            ended = await mailferry("once", "-c", path)
            assert ended.code == 0, ended.out + ended.err
        contents = [each.content for each in sink.mails()]
        assert len(contents) == 4
        assert [b"Subject: Mail 9" in each for each in contents].count(True) == 1
        assert dovecot.remaining_count(login.name) == 4
