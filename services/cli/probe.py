"""Tries one server out, as a fetcher or relay would; nothing is fetched, sent or deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.cli.advice import advice
from services.cli.shown_stream import shown_dialer
from services.fetcher.pop3.limits import Timeouts
from services.fetcher.sources import open_account
from shared.model.account import Account
from shared.model.endpoint import Tls
from shared.model.errors import MailferryError
from shared.model.target import Target
from shared.smtp import timeouts as smtp
from shared.smtp.client import SmtpClient
from shared.smtp.opening import network
from shared.smtp.target import connect_target

PATIENCE = 30.0
Show = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of trying a server; `step` and `advice` are set where it failed."""

    kind: str
    name: str
    server: str
    ok: bool
    sentence: str
    temporary: bool = False
    step: str | None = None
    advice: str | None = None


async def probe_account(account: Account, show: Show | None) -> Finding:
    """Connect, encrypt, log in and list; `show` is given each line of the dialogue, secrets masked."""
    timeouts = Timeouts(
        connect=PATIENCE, inactivity=min(account.patience.timeout, PATIENCE), login=2 * PATIENCE
    )
    try:
        mailbox = await open_account(account, timeouts, dialogue=show)
        try:
            listing = await mailbox.listing()
            await mailbox.finish()
        finally:
            await mailbox.abort()
    except MailferryError as error:
        return _failed("account", account.id, str(account.endpoint), error)
    count = len(listing.entries) + len(listing.nameless)
    waiting = "1 mail waits" if count == 1 else f"{count} mails wait"
    facts = [f"logged in as {account.login.username}", _protection(account.endpoint.tls), waiting]
    sentence = "; ".join([*facts, *listing.problems])
    return Finding("account", account.id, str(account.endpoint), ok=True, sentence=sentence)


async def probe_target(target: Target, helo_name: str, show: Show | None) -> Finding:
    """Connect, encrypt, log in where credentials are configured, and ask what is offered."""
    timeouts = smtp.Timeouts(connect=PATIENCE, greeting=PATIENCE, command=PATIENCE)
    dialer = shown_dialer(network(timeouts), show) if show else None
    try:
        client = await connect_target(target, helo_name=helo_name, timeouts=timeouts, dialer=dialer)
        await client.quit()
    except MailferryError as error:
        return _failed("target", target.name, str(target.endpoint), error)
    return Finding("target", target.name, str(target.endpoint), ok=True, sentence=_offers(client, target))


def _offers(client: SmtpClient, target: Target) -> str:
    login = f"logged in as {target.credentials.username}" if target.credentials else "no login"
    offered = ", ".join(sorted(client.extensions.keywords)) or "no extensions"
    return f"{login}; {'with TLS' if client.is_tls else 'without TLS'}; offers {offered}"


def _protection(tls: Tls) -> str:
    match tls:
        case Tls.OFF:
            return "without TLS"
        case Tls.WANTED:
            return "with TLS if it was offered"
        case _:
            return "with TLS"


def _failed(kind: str, name: str, server: str, error: MailferryError) -> Finding:
    step, what_to_do = advice(error)
    return Finding(kind, name, server, False, str(error), error.temporary, step, what_to_do)
