"""A bucket serves as well as a directory: for large mail, parked mail, its export and its removal."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.background import in_background
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tagged, tagged_mails
from tests.servers.directory import server_directory
from tests.servers.dovecot import Login
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.moto import Moto
from tests.servers.oracle import Records, assert_arrived_whole, copies

BOB, SPAM = "bob@corp.example", "spam@corp.example"
CATCH_ALL = ('mailbox = "catch-all"', 'domains = { "corp.example" = "keep" }')


def test_large_and_parked_mail_are_kept_in_a_bucket(tmp_path: Path) -> None:
    mails = [*tagged_mails("small", 3), tagged("big", body=b"0123456789abcde\r\n" * 700_000)]
    refused = tagged("refused", to=SPAM)
    source = Pop3Server({"bob": [(each.tag, each.raw) for each in [*mails, refused]]})
    target = SmtpServer(recipients={SPAM: "554 5.7.1 Spam"})
    with server_directory("moto") as directory, Moto(directory) as moto:
        bucket = f"""
blobs.url = "s3://{moto.new_bucket()}/ferry"
blobs.endpoint = "{moto.endpoint}"
blobs.region = "eu-central-1"
blobs.access_key = "key"
blobs.secret_key = "geheim"
"""
        with in_background(source), in_background(target):
            text = configuration(
                [account("bob", source.port, Login("bob", "secret"), *CATCH_ALL)], target=target.port
            ).replace('blobs.url = "file:blobs"\n', bucket)
            with Ferry(tmp_path, text) as ferry:
                process = ferry.start().ready()
                process.wait_until(lambda: len(source.deleted("bob")) == len(mails) + 1)
                assert process.terminate() == 0
                assert "geheim" not in process.output
            records = Records(ferry.path)
            message = records.parked()["refused"]
            assert records.output_of("parked", "export", message) == refused.raw
            records.output_of("parked", "discard", message, "--yes")
            records.assert_journal_agrees(len(mails) + 1)
    assert copies(target.accepted) == {(mail.tag, BOB): 1 for mail in mails}
    assert_arrived_whole(target.accepted, mails)
