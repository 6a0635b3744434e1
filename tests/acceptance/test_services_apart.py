"""Fetcher, router and relay as processes of their own, on RabbitMQ and PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fakes.command import REPOSITORY, configured, letter, mailferry
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import SmtpServer

PATIENCE = 45.0
MAILS = 20


@asynccontextmanager
async def service(
    name: str, path: Path, environ: dict[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service while inside; TERM ends it with exit code 0."""
    log = path.with_name(f"{name}.log")
    with log.open("wb") as stream:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"services.{name}",
            str(path),
            cwd=REPOSITORY,
            env={"PATH": os.environ["PATH"], **environ},
            stdout=stream,
            stderr=stream,
        )
    try:
        yield process
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            await process.wait()
        assert process.returncode == 0, log.read_text()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_three_services_carry_mail_over_a_broker_and_a_database(
    tmp_path: Path, postgres_url: str, rabbitmq_url: str
) -> None:
    mails = [(f"uid-{number}", letter(number, "bob@corp.example")) for number in range(MAILS)]
    environ = {
        "MAILFERRY_STORE__URL": postgres_url,
        "MAILFERRY_BROKER__URL": rabbitmq_url,
        "MAILFERRY_SECRETS__KEY_FILE": str(tmp_path / "secrets.key"),
    }
    async with Pop3Server({"u": mails}) as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port)
        unprepared = await mailferry("topology", "check", "-c", path, environ=environ)
        assert unprepared.code == 1
        assert "mailferry.router" in unprepared.out
        for command in ("db upgrade", "secrets init", "apply", "topology apply", "topology check"):
            ended = await mailferry(*command.split(), "-c", path, environ=environ)
            assert ended.code == 0, ended.out + ended.err
        async with (
            service("router", path, environ),
            service("relay", path, environ),
            service("fetcher", path, environ),
        ):
            async with asyncio.timeout(PATIENCE):
                while len(source.deleted("u")) < MAILS:  # noqa: ASYNC110 -- the source tells nobody
                    await asyncio.sleep(0.05)
        assert len(target.accepted) == MAILS
        status = await mailferry("status", "-c", path, "-o", "json", environ=environ)
        found = json.loads(status.out)
        assert [row["colour"] for row in found["accounts"] + found["targets"]] == ["green", "green"]
        verified = await mailferry("journal", "verify", "-c", path, environ=environ)
        assert (verified.code, verified.out) == (0, "20 mails, no differences\n")
