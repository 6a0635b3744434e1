"""An account leaves the file while its mail is under way: nothing is lost, and it goes on when it is back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.fakes.background import in_background
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tag_of, tagged
from tests.servers.dovecot import Login
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration

DISABLED = 'mailferry_accounts{state="disabled"}'


def test_mail_of_an_account_that_left_the_file_is_delivered_when_the_account_is_back(
    tmp_path: Path,
) -> None:
    source = Pop3Server({"u": [("uid-1", tagged("held").raw)], "v": []})
    target = SmtpServer(replies={"CONTENT": "451 4.3.0 Come again later"})
    with in_background(source), in_background(target):
        bob = account("bob", source.port, Login("u", "secret"))
        eve = account("eve", source.port, Login("v", "secret"))
        whole = configuration([bob, eve], target=target.port)
        with Ferry(tmp_path, whole) as ferry:
            assert ferry.call("once").code == 75
            ferry.path.write_text(configuration([eve], target=target.port))
            process = ferry.start().ready()
            process.wait_until(lambda: process.metric(DISABLED) == 1)
            assert process.terminate() == 0
            assert target.accepted == []
            rows = {each["account"]: each for each in status(ferry)["accounts"]}
            assert (rows["acme/bob"]["colour"], rows["acme/bob"]["due_at"]) == ("yellow", None)
            assert rows["acme/bob"]["sentence"].endswith(
                "mailferry.toml any more: not visited; what is on its way is delivered"
            )
            assert rows["acme/bob"]["waiting"] == 1
            assert rows["acme/eve"]["colour"] == "green"
            assert status(ferry)["unnamed"] == []

            target.script.clear()
            ferry.path.write_text(whole)
            assert ferry.call("once").code == 0
            assert [tag_of(mail.content) for mail in target.accepted] == ["held"]
            (row,) = (each for each in status(ferry)["accounts"] if each["account"] == "acme/bob")
            assert (row["colour"], row["in_flight"]) == ("green", 0)


def test_mail_of_an_account_that_was_removed_is_delivered_before_the_account_is_forgotten(
    tmp_path: Path,
) -> None:
    source = Pop3Server({"u": [("uid-1", tagged("held").raw)], "v": []})
    target = SmtpServer(replies={"CONTENT": "451 4.3.0 Come again later"})
    with in_background(source), in_background(target):
        bob = account("bob", source.port, Login("u", "secret"), 'custody = "spool"')
        eve = account("eve", source.port, Login("v", "secret"))
        with Ferry(tmp_path, configuration([bob, eve], target=target.port)) as ferry:
            assert ferry.call("once").code == 75
            ferry.path.write_text(configuration([eve], target=target.port))
            assert ferry.call("apply", "--prune").code == 0
            (told,) = status(ferry)["unnamed"]
            assert told["account"] == "acme/bob"
            assert "its mail in custody is delivered first" in told["sentence"]
            target.script.clear()
            process = ferry.start().ready()
            process.wait_until(lambda: target.accepted)
            process.wait_until(lambda: process.said("removed objects deleted"))
            assert process.terminate() == 0
            assert [tag_of(mail.content) for mail in target.accepted] == ["held"]
            assert status(ferry)["unnamed"] == []


def status(ferry: Ferry) -> dict[str, Any]:
    """What `mailferry status` tells programs."""
    found: dict[str, Any] = json.loads(ferry.call("status", "-o", "json").out)
    return found
