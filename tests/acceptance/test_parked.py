from __future__ import annotations

import json
import os
from pathlib import Path

from shared.adapters.file_blobs import FileBlobs
from tests.fakes.command import configured, letter, mailferry
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import SmtpServer

REFUSED = "554 5.7.1 \x1b[31mNot here"
VICTIM, OTHER = letter(1, "bob@corp.example"), letter(2, "carol@corp.example")


async def parked(path: Path) -> list[dict[str, str]]:
    listed = await mailferry("parked", "list", "-c", path, "-o", "json")
    assert listed.code == 0, listed.err
    rows = json.loads(listed.out)
    assert isinstance(rows, list)
    return rows


async def test_refused_mail_is_parked_shown_exported_retried_elsewhere_and_discarded(tmp_path: Path) -> None:
    refusing = {"bob@corp.example": REFUSED, "carol@corp.example": REFUSED}
    mailbox = [("uid-1", VICTIM), ("uid-2", OTHER)]
    async with Pop3Server({"u": mailbox}) as source, SmtpServer(recipients=refusing) as target:
        path = configured(tmp_path, source=source.port, target=target.port)
        ended = await mailferry("once", "-c", path)
        assert ended.code == 0, ended.out + ended.err
        assert f"mailferry parked list -c {path}" in ended.err
        assert sorted(source.deleted("u")) == ["uid-1", "uid-2"]
        rows = {row["recipient"]: row["message"] for row in await parked(path)}
        bob, carol = rows["bob@corp.example"], rows["carol@corp.example"]

        shown = await mailferry("parked", "show", bob, "-c", path)
        assert "Subject: Mail 1" in shown.out
        assert "554 5.7.1 \\x1b[31mNot here" in shown.out
        exported = await mailferry("parked", "export", bob, tmp_path / "mail.eml", "-c", path)
        assert exported.code == 0
        assert (tmp_path / "mail.eml").read_bytes() == VICTIM
        assert (tmp_path / "mail.eml").stat().st_mode & 0o777 == 0o600
        (tmp_path / "mail.eml").write_bytes(b"precious")
        again = await mailferry("parked", "export", bob, tmp_path / "mail.eml", "-c", path)
        assert (again.code, again.out) == (1, "")
        assert "mail.eml exists already and is not overwritten; name another file" in again.err
        assert (tmp_path / "mail.eml").read_bytes() == b"precious"

        retried = await mailferry("parked", "retry", bob, "--to", "dave@corp.example", "-c", path)
        assert retried.code == 0
        assert (await mailferry("once", "-c", path)).code == 0
        assert [mail.recipients for mail in target.accepted] == [("dave@corp.example",)]

        asked = await mailferry("parked", "discard", carol, "-c", path)
        assert asked.code == 1
        assert (await mailferry("parked", "discard", carol, "--yes", "-c", path)).code == 0
        assert await parked(path) == []
        assert [*(tmp_path / "blobs").rglob("mail+*")] == []

        trace = await mailferry("trace", bob, "-c", path)
        assert "bob@corp.example: parked: 554 5.7.1" in trace.out
        assert "retried by an operator, to dave@corp.example at exchange" in trace.out
        assert "bob@corp.example: delivered as dave@corp.example: 250 2.0.0 Accepted" in trace.out
        trace = await mailferry("trace", carol, "-c", path)
        assert "carol@corp.example: discarded by an operator" in trace.out
        verified = await mailferry("journal", "verify", "-c", path)
        assert (verified.code, verified.out) == (0, "2 mails, no differences\n")


async def test_parked_mail_is_exported_into_a_maildir_and_outlives_a_sweep(tmp_path: Path) -> None:
    async with (
        Pop3Server({"u": [("uid-1", VICTIM)]}) as source,
        SmtpServer(recipients={"bob@corp.example": REFUSED}) as target,
    ):
        path = configured(tmp_path, source=source.port, target=target.port)
        await mailferry("once", "-c", path)
        (row,) = await parked(path)
        both = await mailferry("parked", "export", row["message"], "x", "--maildir", "box", "-c", path)
        assert (both.code, "not both" in both.err) == (2, True)
        box = tmp_path / "box"
        for _ in range(2):
            assert (
                await mailferry("parked", "export", row["message"], "--maildir", box, "-c", path)
            ).code == 0
        assert [file.read_bytes() for file in (box / "new").iterdir()] == [VICTIM]

        await (await FileBlobs(tmp_path / "blobs").create("mail/orphan")).commit(durable=True)
        swept = await mailferry("blobs", "sweep", "--older-than", "1h", "-c", path)
        assert (swept.code, swept.out) == (0, "0 removed, 0 unfinished removed, 0 needed.\n")
        for blob in (tmp_path / "blobs").rglob("mail+*"):
            os.utime(blob, (0, 0))
        swept = await mailferry("blobs", "sweep", "-c", path)
        assert swept.out == "1 removed, 0 unfinished removed, 1 needed.\n"
        young = await mailferry("blobs", "sweep", "--older-than", "59m", "-c", path)
        assert (young.code, "younger than an hour" in young.err) == (2, True)
        assert len(await parked(path)) == 1


async def test_mail_without_a_recipient_can_only_be_retried_to_an_address(tmp_path: Path) -> None:
    nobody = b"Subject: for whom?\r\n\r\nNobody knows.\r\n"
    async with Pop3Server({"u": [("uid-1", nobody)]}) as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port)
        await mailferry("once", "-c", path)
        (row,) = await parked(path)
        assert (row["recipient"], row["why"]) == ("nobody", "no field names a recipient")
        refused = await mailferry("parked", "retry", row["message"], "-c", path)
        assert refused.code == 2
        assert "name an address with --to" in refused.err
        await mailferry("parked", "retry", row["message"], "--to", "bob@corp.example", "-c", path)
        await mailferry("once", "-c", path)
        assert [mail.recipients for mail in target.accepted] == [("bob@corp.example",)]
        assert await parked(path) == []
