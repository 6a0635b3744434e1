"""The text of configuration files for runs against real servers: short leases, short polls, no TLS."""

from __future__ import annotations

from collections.abc import Sequence

from tests.servers.dovecot import Login
from tests.servers.ports import LOOPBACK

EMBEDDED = """
store.url = "sqlite:mailferry.db"
broker.url = "memory:"
"""


def configuration(
    parts: Sequence[str],
    *,
    servers: str = EMBEDDED,
    leases: str = 'account = "3s"\nmessage = "60s"',
    fetcher: str = "",
    target: int | None = None,
    connections: int = 4,
) -> str:
    """A whole file: `parts` are accounts (see `account`) and further targets; `target` is the port of
    "exchange".
    """
    text = f"""
{servers}
blobs.url = "file:blobs"
metrics.listen = "{LOOPBACK}:0"
log.format = "json"

[fetcher]
settle_wait = "3s"
{fetcher}

[relay]
helo_name = "ferry.corp.example"
retry_delays = ["1s"]
probe_delays = ["0.5s", "1s"]

[leases]
{leases}

[defaults]
tls = "off"
poll = "0.2s"
retries = 1
target = "exchange"
"""
    if target is not None:
        text += f"""
[[targets]]
name = "exchange"
url = "smtp://{LOOPBACK}:{target}"
tls = "off"
connections = {connections}
"""
    return text + "".join(parts)


def account(name: str, port: int, login: Login, *lines: str, scheme: str = "pop3") -> str:
    """An account of the tenant acme at a POP3 or IMAP server on this machine; for `name`@corp.example where
    `lines` do not tell.
    """
    recipients = () if any("mailbox" in line for line in lines) else single(f"{name}@corp.example")
    return "\n".join(
        [
            "",
            "[[accounts]]",
            'tenant = "acme"',
            f'name = "{name}"',
            f'source = "{scheme}://{login.name}@{LOOPBACK}:{port}"',
            f'password = "{login.password}"',
            *recipients,
            *lines,
            "",
        ]
    )


def single(recipient: str) -> tuple[str, ...]:
    """The lines of a mailbox of one person."""
    return ('mailbox = "single"', f'recipient = "{recipient}"')
