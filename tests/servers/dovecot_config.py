"""The configuration of the private Dovecot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.servers.certificate import Certificate
from tests.servers.directory import current_user, is_root
from tests.servers.ports import LOOPBACK

SESSIONS = 1024
"""Concurrent sessions of each protocol; tests use up to 200."""


@dataclass(frozen=True, slots=True)
class DovecotPorts:
    """The ports Dovecot listens on, all on the loopback address."""

    pop3: int
    pop3s: int
    imap: int
    imaps: int
    lmtp: int


def dovecot_config(directory: Path, ports: DovecotPorts, certificate: Certificate, owner: str) -> str:
    """The text of dovecot.conf, for Dovecot 2.3."""
    return (
        _everywhere(directory, certificate)
        + _users(directory, owner)
        + _services(ports)
        + ("" if is_root() else _without_root())
    )


def _everywhere(directory: Path, certificate: Certificate) -> str:
    return f"""
protocols = pop3 imap lmtp
listen = {LOOPBACK}
base_dir = {directory}/run
state_dir = {directory}/state
instance_name = {directory.name}
log_path = {directory}/dovecot.log
ssl = yes
ssl_cert = <{certificate.chain}
ssl_key = <{certificate.key}
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 apop scram-sha-1 scram-sha-256
auth_failure_delay = 0
mail_max_userip_connections = {SESSIONS}
mail_location = maildir:~/Maildir
# The source belongs to the test, not to what is tested: it need not survive a power cut.
mail_fsync = never
maildir_stat_dirs = no
pop3_no_flag_updates = yes
"""


def _users(directory: Path, owner: str) -> str:
    return f"""
first_valid_uid = 1
first_valid_gid = 1
mail_uid = {owner}
mail_gid = {owner if is_root() else ""}
# One file per user: a file for all is read again at most once a second.
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {directory}/users/%u
}}
userdb {{
  driver = static
  args = home={directory}/mail/%u
}}
"""


def _services(ports: DovecotPorts) -> str:
    return f"""
default_process_limit = {SESSIONS}
default_client_limit = {SESSIONS * 8}
service pop3-login {{
  service_count = 0
  process_min_avail = 1
  process_limit = 2
  client_limit = {SESSIONS}
  inet_listener pop3 {{
    port = {ports.pop3}
  }}
  inet_listener pop3s {{
    port = {ports.pop3s}
    ssl = yes
  }}
}}
service imap-login {{
  service_count = 0
  process_limit = 2
  client_limit = {SESSIONS}
  inet_listener imap {{
    port = {ports.imap}
  }}
  inet_listener imaps {{
    port = {ports.imaps}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {ports.lmtp}
  }}
}}
protocol lmtp {{
  # A recipient's local part is the name of the user.
  auth_username_format = %n
}}
service pop3 {{
  process_limit = {SESSIONS}
  # All mailboxes have one owner, so a process may serve one session after another.
  service_count = 1000
  client_limit = 1
}}
service imap {{
  process_limit = {SESSIONS}
}}
protocol imap {{
  # COMPRESS=DEFLATE.
  mail_plugins = imap_zlib
}}
service anvil {{
  # Without this socket a wrong password does not slow down the next login from the same address.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


def _without_root() -> str:
    user = current_user()
    unconfined = "".join(
        f"service {name} {{\n  chroot =\n}}\n" for name in ("anvil", "imap-login", "pop3-login", "stats")
    )
    return f"""
default_internal_user = {user}
default_internal_group =
default_login_user = {user}
{unconfined}"""
