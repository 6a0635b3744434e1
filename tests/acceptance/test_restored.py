"""Yesterday's backup is restored: mail is fetched and delivered, but nothing is deleted until an operator
confirms.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.fakes.background import in_background
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tag_of, tagged
from tests.servers.dovecot import Login
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration


def letter(tag: str) -> tuple[str, bytes]:
    return f"uid-{tag}", tagged(tag).raw


def test_a_restored_sqlite_file_pauses_deletion_until_it_is_confirmed(tmp_path: Path) -> None:
    source = Pop3Server({"u": [letter("first")]})
    with in_background(source), in_background(SmtpServer()) as target:
        text = configuration([account("bob", source.port, Login("u", "secret"))], target=target.port)
        with Ferry(tmp_path, text) as ferry:
            assert ferry.call("once").code == 0
            shutil.copy(tmp_path / "mailferry.db", tmp_path / "yesterday.db")
            source.maildrops["u"].mails.append(letter("second"))
            assert ferry.call("once").code == 0
            assert source.deleted("u") == ["uid-first", "uid-second"]

            for rest in tmp_path.glob("mailferry.db-*"):
                rest.unlink()
            shutil.copy(tmp_path / "yesterday.db", tmp_path / "mailferry.db")
            source.maildrops["u"].mails.append(letter("third"))
            paused = ferry.call("once")
            assert paused.code == 75
            assert [tag_of(mail.content) for mail in target.accepted] == ["first", "second", "third"]
            assert source.deleted("u") == ["uid-first", "uid-second"]

            status = ferry.call("status", "-o", "json")
            assert "restored from a backup" in json.loads(status.out)["deletion"]
            assert json.loads(ferry.call("epoch", "show", "-o", "json").out)["epoch"] == 2
            assert ferry.call("epoch", "confirm", "--yes").code == 0
            assert ferry.call("once").code == 0
            assert source.deleted("u")[-1] == "uid-third"
            assert "deletion is allowed" in ferry.call("epoch", "show").out


def test_a_dump_restored_beneath_a_running_process_is_seen_at_its_next_start(
    postgres_url: str, tmp_path: Path
) -> None:
    source = Pop3Server({"u": [letter("first")]})
    with in_background(source), in_background(SmtpServer()) as target:
        servers = f'store.url = "{postgres_url}"\nbroker.url = "memory:"'
        box = account("bob", source.port, Login("u", "secret"))
        with Ferry(tmp_path, configuration([box], servers=servers, target=target.port)) as ferry:
            assert ferry.call("db", "upgrade").code == 0
            assert ferry.call("once").code == 0
            dump = tmp_path / "yesterday.sql"
            run("pg_dump", "--clean", "--if-exists", "--file", str(dump), postgres_url)
            source.maildrops["u"].mails.append(letter("second"))
            assert ferry.call("once").code == 0

            run("psql", "--quiet", "--file", str(dump), postgres_url)
            source.maildrops["u"].mails.append(letter("third"))
            process = ferry.start().ready()
            process.wait_until(lambda: "third" in {tag_of(mail.content) for mail in target.accepted})
            ready, page = process.page("/readyz")
            assert ready == 503
            assert "restored from a backup" in json.loads(page)["checks"]["deletion"]
            assert process.terminate() == 0
            assert source.deleted("u") == ["uid-first", "uid-second"]
            assert ferry.call("epoch", "confirm", "--yes").code == 0
            again = ferry.start().ready()
            again.wait_until(lambda: source.deleted("u")[-1] == "uid-third")
            assert again.page("/readyz")[0] == 200
            assert again.terminate() == 0


def run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, env={"PATH": os.environ["PATH"]})
    assert done.returncode == 0, done.stderr.decode()
