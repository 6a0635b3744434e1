"""A private Cyrus: the IMAP server with object ids, QRESYNC and COMPRESS.

Promises: every user is added when asked for. Cyrus keeps mail in a form of its own and refuses some, so that
mails are given by APPEND.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from typing_extensions import override

from tests.servers.directory import current_user, give_to, is_root
from tests.servers.dovecot import MAILBOX_OWNER, Login
from tests.servers.imap_source import ImapSource
from tests.servers.ports import free_port, greets
from tests.servers.process import ServerError, ServerProcess
from tests.servers.unpacked import environment, find_unpacked

PROGRAM = "usr/lib/cyrus/bin/master"
REALM = "localhost"


class Cyrus(ImapSource):
    """A Cyrus whose passwords are in a database of its own; an INBOX is made at the first login."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        root = find_unpacked(PROGRAM)
        if root is None:
            raise ServerError("Cyrus is not unpacked")
        self._root = root
        self._port = free_port()
        self._owner = MAILBOX_OWNER if is_root() else current_user()
        state = [directory / "conf" / each for each in ("db", "lock", "log", "msg", "proc", "socket")]
        for folder in state:
            folder.mkdir(parents=True)
        (directory / "spool").mkdir()
        (directory / "imapd.conf").write_text(self._imapd_conf())
        (directory / "cyrus.conf").write_text(self._cyrus_conf())
        give_to(self._owner, directory, directory / "conf", directory / "spool", *state)

    @property
    @override
    def imap_port(self) -> int:
        return self._port

    @override
    def start(self) -> None:
        options = ["-D", "-C", "imapd.conf", "-M", "cyrus.conf", "-p", "pid"]
        paths = [each if each.startswith("-") else str(self.directory / each) for each in options]
        command = [str(self._root / PROGRAM), *paths]
        self._process = ServerProcess(command, log=self.directory / "output", env=environment(self._root))
        self._process.wait_until(lambda: greets(self._port, b"* OK"))

    @override
    def add_user(self, login: Login) -> None:
        database = self.directory / "sasldb"
        command = [str(self._root / "usr/sbin/saslpasswd2"), "-p", "-c", "-f", str(database), "-u", REALM]
        subprocess.run(
            [*command, login.name],
            input=login.password.encode(),
            env=environment(self._root),
            check=True,
            capture_output=True,
        )
        give_to(self._owner, database)

    def _imapd_conf(self) -> str:
        return f"""
configdirectory: {self.directory}/conf
partition-default: {self.directory}/spool
cyrus_user: {self._owner}
cyrus_group: {self._owner}
servername: {REALM}
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {self.directory}/sasldb
sasl_mech_list: PLAIN LOGIN
failedloginpause: 0
allowplaintext: yes
altnamespace: yes
unixhierarchysep: yes
autocreate_quota: 0
autocreate_inbox_folders: Archive
# It need not survive a power cut.
skiplist_unsafe: 1
"""

    def _cyrus_conf(self) -> str:
        """Its parser goes by lines: a brace ends one."""
        binaries = self._root / "usr/lib/cyrus/bin"
        configuration = f"-C {self.directory}/imapd.conf"
        listen = f"{self.host}:{self._port}"
        return f"""
START {{
  recover cmd="{binaries}/ctl_cyrusdb {configuration} -r"
}}
SERVICES {{
  imap cmd="{binaries}/imapd {configuration}" listen="{listen}" prefork=1 maxchild=100
}}
EVENTS {{
}}
"""
