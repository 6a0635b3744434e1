"""Follows `docs/several-machines.md` in a Debian of its own, without a network to the outside.

Run as a process in namespaces of its own (mounts, network, processes), so that the servers have their usual
ports and end with it. Arguments: the root of the Debian, and a directory with the wheel of Mailferry.
Whatever the page leaves open is filled in here: passwords, and where the mailbox, the target and the bucket
of this test are. Ends with an error at the first step that fails or shows another output than the page.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.fakes.background import in_background
from tests.fakes.command import REPOSITORY, letter
from tests.fakes.smtp_server import SmtpServer
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot
from tests.servers.moto import Moto
from tests.servers.page import Step, files_of, steps_of
from tests.servers.process import eventually

PAGE = REPOSITORY / "docs" / "several-machines.md"
HOSTS = "127.0.0.1 localhost mq.example db.example s3.example mail.corp.example imap.isp.example"
DATABASE_PASSWORD = "not-guessed"
MAILBOX_PASSWORD = "box17-secret"
SECONDS = 300


class Machine:
    """A Debian into which root types commands, in a directory with a copy of the repository's files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "srv" / "mailferry"

    def prepare(self, wheels: Path) -> None:
        """Make the system's own file systems, and copy what the page starts from."""
        for kind, place in (("proc", "proc"), ("sysfs", "sys"), ("tmpfs", "run")):
            run("mount", "-t", kind, kind, str(self.root / place))
        run("mount", "--rbind", "/dev", str(self.root / "dev"))
        hostname = Path("/proc/sys/kernel/hostname").read_text().strip()
        (self.root / "etc/hosts").write_text(f"{HOSTS} {hostname}\n")
        (self.root / "etc/pip.conf").write_text("[global]\nno-index = true\nfind-links = /srv/wheels\n")
        shutil.copytree(wheels, self.root / "srv/wheels")
        shutil.copytree(REPOSITORY / "deploy", self.home / "deploy", symlinks=True)
        for wheel in wheels.glob("mailferry-*.whl"):
            shutil.copy(wheel, self.home)
        shutil.copy(REPOSITORY / "tests/servers/systemctl", self.root / "usr/local/sbin/systemctl")
        self.type("pg_ctlcluster 15 main start")

    def type(self, command: str) -> str:
        """Type a command, and return its output."""
        line = f"cd /srv/mailferry && {command}"
        return run("chroot", str(self.root), "/bin/bash", "-o", "pipefail", "-c", line)

    def write(self, path: str, text: str) -> None:
        """Write a secret or the configuration as the page says: owned by root, group mailferry, mode 640."""
        (self.root / path.lstrip("/")).write_text(text)
        self.type(f"chown root:mailferry {path} && chmod 640 {path}")


def run(*command: str) -> str:
    """Run a command to its end. Raises with its output where it fails."""
    done = subprocess.run(
        command,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=SECONDS,
        env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def follow(machine: Machine, step: Step) -> None:
    """Type a command of the page, with a password in place of the dots."""
    print("$", step.command, flush=True)  # noqa: T201 - for the log of the test
    output = machine.type(step.command.replace("…", DATABASE_PASSWORD))
    if step.shown and output != step.shown:
        raise SystemExit(f"$ {step.command}\nshows:\n{output}\nand on the page:\n{step.shown}")


def configured(text: str, imap_port: int, smtp_port: int, bucket: str, endpoint: str) -> str:
    """Return the page's configuration, with the servers of this test, which speak no TLS."""
    replaced = {
        '"s3://mailferry/blobs"': f'"s3://{bucket}/blobs"',
        '"https://s3.example"': f'"{endpoint}"\nregion = "eu-central-1"',
        "mail.corp.example:25": f"mail.corp.example:{smtp_port}",
        'access_key = "…"': 'access_key = "AKTEST"',
        'tls = "required"': 'tls = "off"',
        '"imaps://box17@imap.isp.example"': f'"imap://box17@imap.isp.example:{imap_port}"\ntls = "off"',
    }
    for written, here in replaced.items():
        if written not in text:
            raise SystemExit(f"the page's configuration has no {written} any more")
        text = text.replace(written, here)
    return text


def main(root: Path, wheels: Path) -> None:
    """Follow the page, then see a mail arrive."""
    run("ip", "link", "set", "lo", "up")
    machine = Machine(root)
    machine.prepare(wheels)
    with ExitStack() as stack:
        target = stack.enter_context(in_background(SmtpServer()))
        dovecot = stack.enter_context(Dovecot(stack.enter_context(server_directory("dovecot"))))
        moto = stack.enter_context(Moto(stack.enter_context(server_directory("moto"))))
        dovecot.add_user("box17", MAILBOX_PASSWORD)
        dovecot.fill("box17", [letter(1, "bob@acme.com")])
        (file,) = files_of(PAGE)
        config = configured(file, dovecot.imap_port, target.port, moto.new_bucket(), moto.endpoint)
        for step in steps_of(PAGE):
            if (
                "MAILFERRY_METRICS__LISTEN" in step.command
                and not (machine.root / CONFIG.lstrip("/")).exists()
            ):
                write_configuration(machine, config)
            follow(machine, step)
        if not eventually(lambda: dovecot.remaining_count("box17") == 0, SECONDS):
            logs = machine.type("tail -n 20 /var/log/mailferry-*.log")
            raise SystemExit(f"the mail is still in its mailbox:\n{logs}")
        delivered = [recipient for each in target.seen for recipient in each.recipients]
        held = machine.type("sudo rabbitmqctl -q eval 'application:get_env(ra, wal_max_size_bytes).'")
        print(json.dumps({"delivered": delivered, "wal": held.strip()}))  # noqa: T201 - the test's result


CONFIG = "/etc/mailferry/mailferry.toml"


def write_configuration(machine: Machine, config: str) -> None:
    """Write the files of section 5, with the passwords of sections 1 to 3."""
    user = json.loads((machine.home / "definitions.json").read_text())["users"][0]
    machine.write("/etc/mailferry/broker-url", f"amqp://mailferry:{user['password']}@mq.example/mailferry")
    machine.write(
        "/etc/mailferry/store-url", f"postgresql://mailferry:{DATABASE_PASSWORD}@db.example/mailferry"
    )
    machine.write("/etc/mailferry/s3-secret", "any")
    machine.write("/etc/mailferry/acme-catchall.password", MAILBOX_PASSWORD)
    machine.write(CONFIG, config)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
