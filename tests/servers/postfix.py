"""A private Postfix: the real mail server that mail is delivered to, with one mailbox for all.

Promises: it accepts mail for any address of its domains and stores it; addresses whose local part starts with
`nobody` are refused with a 550, as an unknown user is. It has to be started by root, as every Postfix.
"""

from __future__ import annotations

import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.servers.certificate import Certificate, make_certificate
from tests.servers.directory import give_to
from tests.servers.ports import LOOPBACK, free_port, greets
from tests.servers.process import ServerError, ServerProcess, eventually
from tests.servers.server import Server, installed

MASTER: Final = Path("/usr/lib/postfix/sbin/master")
MAILBOX_OWNER: Final = "mail"
MAILDIR: Final = "all"
SYSTEM_USER: Final = "postfix"
SERVICES: Final = """
pickup    unix n - n 60  1 pickup
cleanup   unix n - n -   0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n -   - trivial-rewrite
bounce    unix - - n -   0 bounce
defer     unix - - n -   0 bounce
trace     unix - - n -   0 bounce
verify    unix - - n -   1 verify
proxymap  unix - - n -   - proxymap
error     unix - - n -   - error
retry     unix - - n -   - error
virtual   unix - n n -   - virtual
anvil     unix - - n -   1 anvil
tlsmgr    unix - - n 1000? 1 tlsmgr
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix(Server):
    """SMTP on `port`, with STARTTLS, for the mail of `domains`; `settings` are further lines of main.cf."""

    def __init__(
        self, directory: Path, *, domains: Sequence[str] = ("target.example",), settings: str = ""
    ) -> None:
        super().__init__(directory)
        self.port = free_port()
        self._mail = directory / "mail"
        config, queue, data = (directory / name for name in ("etc", "spool", "lib"))
        for made in (config, queue, data, self._mail):
            made.mkdir(mode=0o755)
        give_to(SYSTEM_USER, data)
        give_to(MAILBOX_OWNER, self._mail)
        self._config = config
        self.certificate = make_certificate(directory)
        (config / "recipients").write_text("/^nobody/ 550 5.1.1 User unknown\n")
        (config / "master.cf").write_text(f"{self.host}:{self.port} inet n - n - - smtpd\n{SERVICES}")
        (config / "main.cf").write_text(_main(directory, domains, self.certificate) + settings)

    def start(self) -> None:
        commands = installed("postfix")
        subprocess.run([str(commands), "-c", str(self._config), "check"], check=True, capture_output=True)
        # `postfix start-fg` would leave our process group; with -d the master stays in it.
        command = [str(MASTER), "-c", str(self._config), "-d"]
        self._process = ServerProcess(command, log=self.directory / "output")
        self._process.wait_until(lambda: greets(self.port, b"220"))

    def delivered(self, address: str) -> list[bytes]:
        """The mails for `address`, in no order; each begins with the headers Postfix added."""
        mails = (path.read_bytes() for path in (self._mail / MAILDIR / "new").glob("*"))
        return [mail for mail in mails if f"\nDelivered-To: {address}\n".encode() in mail]

    def wait_for(self, address: str, mails: int) -> list[bytes]:
        """The same, as soon as there are `mails`; `ServerError` if that does not happen in time."""
        if not eventually(lambda: len(self.delivered(address)) >= mails):
            raise ServerError(f"{address} has {len(self.delivered(address))} mail(s) instead of {mails}")
        return self.delivered(address)


def login_settings(port: int) -> str:
    """Further lines of main.cf: within TLS, who sends has to log in; a Dovecot on `port` checks that."""
    return f"""
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:{LOOPBACK}:{port}
smtpd_tls_auth_only = yes
smtpd_client_restrictions = permit_sasl_authenticated, reject
"""


def _main(directory: Path, domains: Sequence[str], certificate: Certificate) -> str:
    owner = pwd.getpwnam(MAILBOX_OWNER)
    return f"""
compatibility_level = 3.6
queue_directory = {directory}/spool
data_directory = {directory}/lib
maillog_file = {directory}/postfix.log
maillog_file_prefixes = {directory}
inet_protocols = ipv4
myhostname = mail.target.example
mydestination =
mynetworks =
alias_maps =
alias_database =
virtual_mailbox_domains = {" ".join(domains)}
virtual_mailbox_base = {directory}/mail
virtual_mailbox_maps = static:{MAILDIR}/
virtual_uid_maps = static:{owner.pw_uid}
virtual_gid_maps = static:{owner.pw_gid}
virtual_minimum_uid = 1
smtpd_recipient_restrictions =
  check_recipient_access regexp:{directory}/etc/recipients, reject_unauth_destination
smtpd_tls_security_level = may
smtpd_tls_chain_files = {certificate.key}, {certificate.chain}
smtpd_relay_restrictions = reject_unauth_destination
"""
