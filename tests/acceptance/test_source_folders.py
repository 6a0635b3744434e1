"""Mail of a source folder over IMAP: who gets it, what names its folder, and what operators see of that."""

from __future__ import annotations

import json
from email import message_from_bytes
from pathlib import Path

from tests.fakes.background import in_background
from tests.fakes.mails import mail
from tests.fakes.smtp_server import SmtpServer
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration

KEYS = (
    'mailbox = "catch-all"',
    'domains = { "corp.example" = "keep" }',
    'folder_recipients = { "inbox" = "sales@corp.example" }',
    'folder_header = "X-Source-Folder"',
)


def test_all_mail_of_a_folder_goes_to_its_recipient_and_names_the_folder(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    login = dovecot.new_user()
    dovecot.fill(
        login.name, [mail("X-Source-Folder: Boss", "Message-ID: <1@x.example>", "To: bob@corp.example")]
    )
    with in_background(SmtpServer()) as target:
        source = account("all", dovecot.imap_port, login, *KEYS, scheme="imap")
        with Ferry(tmp_path, configuration([source], target=target.port)) as ferry:
            explained = ferry.call("explain", "--live", "--account", "all", "-o", "json")
            assert ferry.call("once").code == 0
            traced = ferry.call("trace", "<1@x.example>")
        (delivered,) = target.accepted
    (told,) = json.loads(explained.out)
    assert told["recipients"] == [
        {
            "address": "sales@corp.example",
            "original": "sales@corp.example",
            "reason": "read from the folder INBOX",
        }
    ]
    assert delivered.recipients == ("sales@corp.example",)
    assert message_from_bytes(delivered.content).get_all("X-Source-Folder") == ["INBOX"]
    assert "routed by folder (certain confidence) to target exchange" in traced.out
    assert "sales@corp.example: read from the folder INBOX; to be delivered" in traced.out
