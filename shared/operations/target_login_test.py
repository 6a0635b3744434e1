"""Tries a target, as a relay would: connect, encrypt, log in, ask about a recipient. No mail is sent."""

from __future__ import annotations

from collections.abc import Sequence

from shared.config import Configuration
from shared.model.account import KEEP, Account
from shared.model.errors import MailferryError, joined, quoted
from shared.model.masking import Masker
from shared.model.target import Target
from shared.operations.existence import accepts_all, invented_address
from shared.operations.login_test import STEP_TIMEOUT, LoginTest, ShowLine, failed_login
from shared.operations.smtp_dialogue import showing_dialer
from shared.ports.tokens import NO_GRANTS, GrantTokens
from shared.smtp import timeouts as smtp
from shared.smtp.client import SmtpClient
from shared.smtp.envelope import Phase, RecipientReply
from shared.smtp.errors import ConnectionLost
from shared.smtp.login import masker_of
from shared.smtp.opening import network_dialer
from shared.smtp.target import connect_target, credentials_of

POSTMASTER = "postmaster"
REFUSED_ADVICE = (
    "Allow this machine at the target to send to that recipient, or give the target a user name and a "
    "password in the configuration."
)
DEFERRED_ADVICE = "This may be greylisting: try again in some minutes."


async def try_target(
    target: Target,
    helo_name: str,
    recipient: str | None,
    show: ShowLine | None,
    domains: Sequence[str] = (),
    grants: GrantTokens = NO_GRANTS,
) -> LoginTest:
    """Connect, encrypt, log in where credentials are configured, and ask whether the target would take mail
    for `recipient`, and for an invented address in each of `domains`.
    """
    timeouts = smtp.Timeouts(connect=STEP_TIMEOUT, greeting=STEP_TIMEOUT, command=STEP_TIMEOUT)
    server = str(target.endpoint)
    details: dict[str, object] = {}
    try:
        masker = masker_of(await credentials_of(target, grants))
        dialer = showing_dialer(network_dialer(timeouts), show, masker) if show else None
        client = await connect_target(
            target, helo_name=helo_name, timeouts=timeouts, dialer=dialer, grants=grants
        )
        try:
            details = _details(client, target, masker)
            replies = await client.ask_about("", [recipient]) if recipient else []
            stayed = client.usable
            answers = await _ask_about_invented(client, domains)
        finally:
            await client.quit()
    except MailferryError as error:
        return failed_login("target", target.name, server, error, details)
    findings = [masker.text(_session(client, target)), *_existence(domains, answers, stayed=stayed)]
    sentence = joined(findings)
    if not replies:
        return LoginTest("target", target.name, server, ok=True, sentence=sentence, details=details)
    return _with_reply(target, sentence, replies[0], details, masker)


def known_recipient(configuration: Configuration, target: str) -> str | None:
    """Return an address whose mail goes to `target` by the configuration; None where none is known."""
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


async def _ask_about_invented(client: SmtpClient, domains: Sequence[str]) -> list[RecipientReply]:
    """Ask about an invented address in each domain, until the target hangs up; return its replies.

    Each is asked for in a transaction of its own: some targets take a mail with the null sender for one
    recipient only. Many hang up after some refusals; that is no fault.
    """
    answers: list[RecipientReply] = []
    for domain in domains:
        if not client.usable:
            break
        try:
            [answer] = await client.ask_about("", [invented_address(domain)])
        except ConnectionLost:
            break
        if client.usable:
            answers.append(answer)
    return answers


def _existence(domains: Sequence[str], answers: Sequence[RecipientReply], *, stayed: bool) -> list[str]:
    """What the replies about invented addresses mean; `stayed`: the target was connected when the first was
    asked about.
    """
    facts = []
    if takes := [domain for domain, each in zip(domains, answers, strict=False) if each.reply.positive]:
        facts.append(accepts_all(takes))
    if any(each.phase is Phase.RCPT and each.reply.severity == 5 for each in answers):
        facts.append("refuses recipients that do not exist")
    if unanswered := domains[len(answers) :]:
        facts.append(_hung_up(unanswered, stayed=stayed))
    return facts


def _hung_up(unanswered: Sequence[str], *, stayed: bool) -> str:
    """At which question the target hung up: at the first of these, or before it unless it had `stayed`."""
    first, more = quoted(unanswered[0]), len(unanswered) - 1
    if not stayed:
        return f"hung up before it was asked about {first}" + (f" and {more} more" if more else "")
    left = f"; {more} more {'was' if more == 1 else 'were'} not asked about" if more else ""
    return f"hung up when it was asked about {first}{left}"


def _with_reply(
    target: Target, found: str, answer: RecipientReply, details: dict[str, object], masker: Masker
) -> LoginTest:
    said = answer.reply._replace(lines=tuple(masker.lines(answer.reply.lines))).text
    reply, recipient = answer.reply, quoted(answer.recipient)
    details = {**details, "recipient": answer.recipient, "reply": said}
    if reply.positive:
        sentence = f"{found}; would take mail for {recipient}"
        return LoginTest("target", target.name, str(target.endpoint), True, sentence, details=details)
    temporary = reply.severity == 4
    sentence = f"{found}; does not take mail for {recipient}: {said}"
    advised = DEFERRED_ADVICE if temporary else REFUSED_ADVICE
    return LoginTest(
        "target", target.name, str(target.endpoint), False, sentence, temporary, "recipient", advised, details
    )


def _details(client: SmtpClient, target: Target, masker: Masker) -> dict[str, object]:
    verified = client.is_tls and client.shortfall is None and target.endpoint.verify
    return {
        "tls": client.is_tls,
        "verified": verified,
        "extensions": [masker.text(each) for each in sorted(client.extensions.keywords)],
    }


def _session(client: SmtpClient, target: Target) -> str:
    login = f"logged in as {quoted(target.credentials.username)}" if target.credentials else "no login"
    offered = ", ".join(sorted(client.extensions.keywords)) or "no extensions"
    facts = [login, f"{'with' if client.is_tls else 'without'} TLS", f"offers {offered}"]
    if client.shortfall is not None:
        facts.append(client.shortfall.sentence.removesuffix("."))
    return "; ".join(facts)
