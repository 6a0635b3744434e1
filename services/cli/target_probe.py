"""Tries a target out, as a relay would: connect, encrypt, log in, ask about a recipient; nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence

from services.cli.existence import accepts_all, nobodys_address
from services.cli.login_test import LoginTest, failed
from services.cli.overheard import Show
from services.cli.shown_stream import shown_dialer
from shared.config import Configuration
from shared.model.account import KEEP, Account
from shared.model.errors import MailferryError, quoted
from shared.model.masking import Masker
from shared.model.target import Target
from shared.smtp import timeouts as smtp
from shared.smtp.client import SmtpClient
from shared.smtp.envelope import Phase, RecipientReply
from shared.smtp.errors import ConnectionLost
from shared.smtp.login import masker_of
from shared.smtp.opening import network_dialer
from shared.smtp.target import connect_target, credentials_of

PATIENCE = 30.0
POSTMASTER = "postmaster"
REFUSED = (
    "Allow this machine to hand in mail for that recipient, or give the target a user name and a password."
)
LATER = "That may be greylisting: try again in some minutes."


async def probe_target(
    target: Target, helo_name: str, recipient: str | None, show: Show | None, domains: Sequence[str] = ()
) -> LoginTest:
    """Connect, encrypt, log in where credentials are configured, and ask whether mail for `recipient` would
    be taken, and for somebody in `domains` who does not exist.
    """
    timeouts = smtp.Timeouts(connect=PATIENCE, greeting=PATIENCE, command=PATIENCE)
    server = str(target.endpoint)
    details: dict[str, object] = {}
    try:
        masker = masker_of(await credentials_of(target))
        dialer = shown_dialer(network_dialer(timeouts), show, masker) if show else None
        client = await connect_target(target, helo_name=helo_name, timeouts=timeouts, dialer=dialer)
        try:
            details = _details(client, target, masker)
            replies = await client.ask_about("", [recipient]) if recipient else []
            stayed = client.usable
            answers = await _about_nobody(client, domains)
        finally:
            await client.quit()
    except MailferryError as error:
        return failed("target", target.name, server, error, details)
    facts = "; ".join([masker.text(_facts(client, target)), *_existence(domains, answers, stayed=stayed)])
    if not replies:
        return LoginTest("target", target.name, server, ok=True, sentence=facts, details=details)
    return _judged(target, facts, replies[0], details, masker)


def known_recipient(configuration: Configuration, target: str) -> str | None:
    """Somebody whose mail goes to `target`, by the configuration; None where nobody is known."""
    found = (_recipient(each) for each in configuration.accounts.values() if each.target == target)
    return next((address for address in found if address is not None), None)


def _recipient(account: Account) -> str | None:
    """The one recipient of a mailbox, or the postmaster of one for whole domains."""
    routing = account.routing
    if routing.recipient is not None:
        return str(routing.recipient)
    if routing.unknown_recipients is not None:
        return str(routing.unknown_recipients)
    for accepted, becomes in routing.domains.items():
        domain = accepted if becomes == KEEP else becomes
        if "*" not in domain:
            return f"{POSTMASTER}@{domain}"
    return None


async def _about_nobody(client: SmtpClient, domains: Sequence[str]) -> list[RecipientReply]:
    """What the target says to an address in each domain that nobody has, as far as it stays.

    Each is asked for by itself: there are targets that take a mail with the null sender for one recipient
    only. Many hang up after some refusals, which says nothing against them.
    """
    answers: list[RecipientReply] = []
    for domain in domains:
        if not client.usable:
            break
        try:
            [answer] = await client.ask_about("", [nobodys_address(domain)])
        except ConnectionLost:
            break
        if client.usable:
            answers.append(answer)
    return answers


def _existence(domains: Sequence[str], answers: Sequence[RecipientReply], *, stayed: bool) -> list[str]:
    """What the target says to addresses that nobody has, if it `stayed` to be asked."""
    facts = []
    if takes := [domain for domain, each in zip(domains, answers, strict=False) if each.reply.positive]:
        facts.append(accepts_all(takes))
    if any(each.phase is Phase.RCPT and each.reply.severity == 5 for each in answers):
        facts.append("refuses recipients that do not exist")
    if unanswered := domains[len(answers) :]:
        facts.append(_hung_up(unanswered, stayed=stayed))
    return facts


def _hung_up(unanswered: Sequence[str], *, stayed: bool) -> str:
    """At which question a target hung up: at the first of these, or before it where it had not `stayed`."""
    first, more = quoted(unanswered[0]), len(unanswered) - 1
    if not stayed:
        return f"hung up before it was asked about {first}" + (f" and {more} more" if more else "")
    left = f"; {more} more {'was' if more == 1 else 'were'} not asked about" if more else ""
    return f"hung up when it was asked about {first}{left}"


def _judged(
    target: Target, facts: str, answer: RecipientReply, details: dict[str, object], masker: Masker
) -> LoginTest:
    said = answer.reply._replace(lines=tuple(masker.lines(answer.reply.lines))).text
    reply, recipient = answer.reply, quoted(answer.recipient)
    details = {**details, "recipient": answer.recipient, "reply": said}
    if reply.positive:
        sentence = f"{facts}; would take mail for {recipient}"
        return LoginTest("target", target.name, str(target.endpoint), True, sentence, details=details)
    temporary = reply.severity == 4
    sentence = f"{facts}; does not take mail for {recipient}: {said}"
    advised = LATER if temporary else REFUSED
    return LoginTest(
        "target", target.name, str(target.endpoint), False, sentence, temporary, "recipient", advised, details
    )


def _details(client: SmtpClient, target: Target, masker: Masker) -> dict[str, object]:
    lacks = client.shortfall
    verified = client.is_tls and lacks is None and target.endpoint.verify
    return {
        "tls": client.is_tls,
        "verified": verified,
        "extensions": [masker.text(each) for each in sorted(client.extensions.keywords)],
    }


def _facts(client: SmtpClient, target: Target) -> str:
    login = f"logged in as {quoted(target.credentials.username)}" if target.credentials else "no login"
    offered = ", ".join(sorted(client.extensions.keywords)) or "no extensions"
    facts = [login, f"{'with' if client.is_tls else 'without'} TLS", f"offers {offered}"]
    if client.shortfall is not None:
        facts.append(client.shortfall.sentence.removesuffix("."))
    return "; ".join(facts)
