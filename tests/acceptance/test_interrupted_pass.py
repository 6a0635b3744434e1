from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.fakes.command import REPOSITORY, configured, letter, mailferry
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import Act, SmtpServer

PATIENCE = 45.0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_pass_that_is_interrupted_leaves_the_mail_to_the_next_one(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    mailbox = [("uid-1", letter(1, "bob@corp.example"))]
    async with Pop3Server({"u": mailbox}) as source, SmtpServer(replies={"DATA": Act.SILENCE}) as target:
        path = configured(tmp_path, source=source.port, target=target.port)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.cli",
            "once",
            "-c",
            str(path),
            cwd=REPOSITORY,
            env={"PATH": os.environ["PATH"]},
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(PATIENCE):
            while "DATA" not in target.commands:  # noqa: ASYNC110 -- the target tells nobody
                await asyncio.sleep(0.02)
            process.send_signal(number)
            _, err = await process.communicate()
        assert process.returncode == code
        assert b"Traceback" not in err
        assert source.deleted("u") == []

        target.script.clear()
        assert (await mailferry("once", "-c", path)).code == 0
        assert [mail.recipients for mail in target.accepted] == [("bob@corp.example",)]
        assert source.deleted("u") == ["uid-1"]
