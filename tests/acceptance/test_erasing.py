"""`mailferry erase`: what is known is exported whole before it is taken out, and no file is overwritten."""

from __future__ import annotations

import json
from pathlib import Path

from tests.fakes.command import configured, letter, mailferry
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import SmtpServer

BOB = "bob@corp.example"


async def test_an_address_is_exported_then_erased_and_an_older_export_is_kept(tmp_path: Path) -> None:
    mails = [(f"uid-{n}", letter(n, to)) for n, to in enumerate((BOB, "eve@corp.example"))]
    async with Pop3Server({"u": mails}) as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port)
        assert (await mailferry("once", "-c", path)).code == 0
        file = tmp_path / "bob.jsonl"
        file.write_text("an older export\n")
        erase = ("erase", BOB, "-c", path, "--tenant", "acme", "--yes", "--export", file)
        refused = await mailferry(*erase)
        assert refused.code != 0
        assert "exists already and is not overwritten" in refused.err
        assert file.read_text() == "an older export\n"
        assert BOB in (await mailferry("trace", BOB, "-c", path)).out
        file.unlink()
        done = await mailferry(*erase)
        assert (done.code, done.out.startswith("1 mail with the address: 1 erased")) == (0, True), done
        [story] = [json.loads(line) for line in file.read_text().splitlines()]
        assert story["recipients"][0]["address"] == BOB
        assert file.stat().st_mode & 0o777 == 0o600
        assert BOB not in (await mailferry("trace", BOB, "-c", path)).out
        assert "no differences" in (await mailferry("journal", "verify", "-c", path)).out
