"""What `mailferry explain` says of one mail: for people every step, for programs one JSON object."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from services.cli.output import cell
from services.router.resolving.analysis import HeaderAnalysis
from shared.model.account import Account
from shared.model.errors import quoted

WIDTH = 12
MOST_HOSTS = 5


def as_json(account: Account, analysis: HeaderAnalysis, identity: str | None) -> dict[str, object]:
    """One mail for programs; `identity` is None where only its header is at hand.

    `class` counts from 0, the configured recipient of a single-user mailbox, to 5, nothing. `loop` is the
    reason why the mail is taken for one that goes in circles, or null.
    """
    evidence, resolution = analysis.evidence, analysis.resolution
    return {
        "account": account.id,
        "message_id": analysis.message_id,
        "identity": identity,
        "sender": analysis.reverse_path,
        "evidence": {"class": evidence.kind.number, "field": evidence.field, "value": evidence.value},
        "recipients": [
            {"address": each.address, "original": each.original, "reason": each.reason}
            for each in resolution.recipients
        ],
        "rejected": [{"value": each.value, "reason": each.reason} for each in resolution.rejected],
        "confidence": evidence.confidence.value,
        "list": analysis.is_list_mail,
        "loop": analysis.loop_reason,
    }


def tell(screen: Console, account: Account, analysis: HeaderAnalysis, identity: str | None) -> None:
    """One mail for people, in the order in which the router goes about it."""
    for title, text, style in _lines(account, analysis, identity):
        screen.print(Text(f"{title:<{WIDTH}}", style=style), cell(text), sep="", soft_wrap=True)


def _lines(
    account: Account, analysis: HeaderAnalysis, identity: str | None
) -> Iterator[tuple[str, str, str]]:
    evidence, resolution = analysis.evidence, analysis.resolution
    yield "Account", account.id, "bold"
    yield "Message-ID", analysis.message_id, "bold"
    yield "Sender", f"<{analysis.reverse_path}>: {analysis.sender.reason}", "bold"
    yield "Trusted", _trusted(analysis), "bold"
    for passed in evidence.ignored:
        yield "Passed over", f"{passed.value}: {passed.reason}", "yellow"
    yield "Evidence", f"class {evidence.kind.number}: {resolution.evidence}", "bold"
    if evidence.value:
        yield "Value", evidence.value, "bold"
    if analysis.is_list_mail:
        yield "List", "it is the mail of a mailing list, whose To and Cc say nothing", "bold"
    for recipient in resolution.recipients:
        origin = "" if recipient.original in ("", recipient.address) else f" (found as {recipient.original})"
        yield "Delivered", f"{recipient.address}{origin}: {recipient.reason}", "green"
    for rejected in resolution.rejected[_seen_already(analysis) :]:
        yield "Not used", f"{rejected.value}: {rejected.reason}", "yellow"
    if resolution.park_reason is not None:
        yield "Parked", resolution.park_reason, "yellow"
    yield "Target", account.target, "bold"
    if identity is not None:
        yield "Identity", identity, "bold"


def _seen_already(analysis: HeaderAnalysis) -> int:
    """How many of those rejected were told of as passed over; of a loop, no recipients were looked for."""
    return len(analysis.evidence.ignored) if analysis.loop_reason is None else 0


def _trusted(analysis: HeaderAnalysis) -> str:
    zone = analysis.zone
    received = len(analysis.header.all_named("received"))
    if not zone.has_received:
        return "no Received line; nobody vouches for what the header says"
    if not zone.hops:
        return f"none of the {received} Received lines is by a trusted host"
    hosts = ", ".join(dict.fromkeys(quoted(hop.by) or "(no host)" for hop in zone.hops[:MOST_HOSTS]))
    return f"{len(zone.hops)} of {received} Received lines, by {hosts}"
