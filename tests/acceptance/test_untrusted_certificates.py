"""Real servers with self-signed certificates: `tls = "wanted"` encrypts, and status warns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.tagged import tagged_mails
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.ports import LOOPBACK
from tests.servers.postfix import Postfix

UNVERIFIED = "encrypted, but the server is not verified"


def target(port: int, tls: str) -> str:
    return f'\n[[targets]]\nname = "exchange"\nurl = "smtp://{LOOPBACK}:{port}"\ntls = "{tls}"\n'


def json_of(ferry: Ferry, command: str) -> Any:
    ended = ferry.call(command, "-o", "json")
    return json.loads(ended.out)


def row(ferry: Ferry, kind: str) -> dict[str, Any]:
    (found,) = json_of(ferry, "status")[kind]
    assert isinstance(found, dict)
    return found


@pytest.fixture
def ferry_of(dovecot: Dovecot, postfix: Postfix, tmp_path: Path) -> Any:
    def made(tls: str, recipient: str) -> Ferry:
        login = dovecot.new_user()
        dovecot.fill(login.name, [tagged_mails("amy", 1, to=recipient)[0].raw])
        lines = ('mailbox = "single"', f'recipient = "{recipient}"', f'tls = "{tls}"')
        parts = [target(postfix.port, tls), account("amy", dovecot.pop3_port, login, *lines)]
        return Ferry(tmp_path, configuration(parts))

    return made


def test_tls_wanted_encrypts_and_status_says_that_no_certificate_is_verified(
    ferry_of: Any, postfix: Postfix
) -> None:
    with ferry_of("wanted", "untrusted@target.example") as ferry:
        ended = ferry.call("once", "-o", "json")
        assert ended.code == 0
        (passed,) = json.loads(ended.out)
        assert UNVERIFIED in passed["why"]
        assert (passed["delivered"], passed["deleted"], passed["left"]) == (1, 1, 0)
        assert len(postfix.wait_for("untrusted@target.example", 1)) == 1
        for kind in ("accounts", "targets"):
            found = row(ferry, kind)
            assert found["colour"] == "yellow"
            assert UNVERIFIED in found["sentence"]
            assert "certificate" in found["sentence"]
        for trial in json_of(ferry, "test-login"):
            assert trial["ok"]
            assert UNVERIFIED in trial["sentence"]
            assert "with TLS" in trial["sentence"]
            assert (trial["details"]["tls"], trial["details"]["verified"]) == (True, False)
        process = ferry.start().ready()
        process.wait_until(lambda: any("not verified" in str(line) for line in process.said("visited")))


def test_tls_required_refuses_an_untrusted_certificate(ferry_of: Any, postfix: Postfix) -> None:
    with ferry_of("required", "unverified@target.example") as ferry:
        assert ferry.call("once").code == 75
        assert row(ferry, "accounts")["colour"] == "red"
        assert postfix.delivered("unverified@target.example") == []
        for trial in json_of(ferry, "test-login"):
            assert (trial["ok"], trial["step"]) == (False, "TLS")
            assert "ca_file" in trial["advice"]
