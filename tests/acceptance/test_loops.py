"""Fault 41: a target that forwards back into the source mailbox."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.mails import mail
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.smtp_sink import SmtpSink


@pytest.mark.parametrize(
    "lines", [("To: bob@corp.example",), ("To: bob@corp.example", *["Received: by a.example"] * 50)]
)
def test_fault_41_a_mail_that_comes_back_is_parked_with_the_reason_and_not_delivered_again(
    tmp_path: Path, dovecot: Dovecot, smtp_sink: SmtpSink, lines: tuple[str, ...]
) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, [mail("Message-ID: <1@a.example>", *lines)])
    text = configuration([account("bob", dovecot.pop3_port, login, 'auth = ["user"]')], target=smtp_sink.port)
    with Ferry(tmp_path, text) as ferry:
        assert ferry.call("once").code == 0
        (delivered,) = smtp_sink.mails()
        dovecot.fill(login.name, [delivered.content])
        assert ferry.call("once").code == 0
        (parked,) = json.loads(ferry.call("parked", "list", "-o", "json").out)
    assert "mail loop: " in json.dumps(parked)
    assert smtp_sink.count() == 1
    assert dovecot.remaining_count(login.name) == 0
