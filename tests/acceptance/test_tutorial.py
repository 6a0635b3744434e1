"""The tutorial works as it is written, from an empty directory to delivered mail; so does the German one."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.fakes.background import in_background
from tests.fakes.command import REPOSITORY
from tests.fakes.smtp_server import SmtpServer
from tests.servers.dovecot import Dovecot
from tests.servers.warm_start import COMMAND

PAGE = REPOSITORY / "docs" / "tutorial.md"
GERMAN = REPOSITORY / "docs" / "tutorial.de.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MAIL = b"X-Original-To: %s@acme.example\r\nFrom: x@elsewhere.example\r\nSubject: Hello\r\n\r\nHello\r\n"


def test_a_reader_who_types_the_commands_has_delivered_mail(dovecot: Dovecot, tmp_path: Path) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, [MAIL % name for name in (b"anna", b"ben")])
    (tmp_path / "password").write_text(login.password)
    (tmp_path / "password").chmod(0o600)
    with in_background(SmtpServer()) as target:
        environ = {
            "PATH": f"{COMMAND.parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "SOURCE": f"pop3://localhost:{dovecot.pop3_port}",
            "LOGIN": login.name,
            "DOMAIN": "acme.example",
            "TARGET": f"smtp://127.0.0.1:{target.port}",
            "SSL_CERT_FILE": str(dovecot.certificate.chain),
        }
        script = "set -e\n" + "\n".join(BLOCK.findall(PAGE.read_text()))
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    delivered = sorted(to for mail in target.accepted for to in mail.recipients)
    assert delivered == ["anna@acme.example", "ben@acme.example"]
    assert dovecot.remaining_count(login.name) == 2


def test_the_german_tutorial_has_the_same_commands_and_steps() -> None:
    english, german = PAGE.read_text(), GERMAN.read_text()
    code = re.compile(r"^```(?:sh)\n.*?^```$", re.MULTILINE | re.DOTALL)
    assert code.findall(german) == code.findall(english)
    assert len(re.findall("^## ", german, re.MULTILINE)) == len(re.findall("^## ", english, re.MULTILINE))
