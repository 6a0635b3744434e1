"""What `mailferry explain` says of a mail: the router's rules, without routing it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.router.decide.existence import addresses_to_check, apply_lookups
from services.router.decide.identity import identify
from services.router.resolving.analysis import HeaderAnalysis, analyse_header
from shared.model.account import Account
from shared.operations.explanation import Explanation, FoundRecipient, TrustedLines, UnusedValue
from shared.ports.directory import LookupResult

UNIQUE = "unique"
"""The identity of a mail where duplicates are not looked for."""


def explain_mail(
    raw: bytes, account: Account, now: float, lookups: Mapping[str, LookupResult], folder: str
) -> Explanation:
    """Return the explanation of the mail that is, or begins with, `raw`; see `ExplainMail`.

    A recipient that would be parked is among those rejected.
    """
    analysis = analyse_header(raw, account, now, folder)
    evidence, resolution = analysis.evidence, analysis.resolution
    final = apply_lookups(resolution, account.routing, lookups)
    delivered = [each for each in final.chosen if not each.parked]
    parked = [each for each in final.chosen if each.parked]
    return Explanation(
        account=account.id,
        target=account.target,
        message_id=analysis.message_id,
        identity=identify(raw, analysis.header, account.routing.dedup, UNIQUE).own,
        sender=analysis.reverse_path,
        sender_reason=analysis.sender.reason,
        trusted_lines=_trusted_lines(analysis),
        passed_over=_unused((each.value, each.reason) for each in evidence.ignored),
        evidence_class=evidence.kind.number,
        evidence=resolution.evidence,
        field=evidence.field,
        value=evidence.value,
        confidence=evidence.confidence.value,
        is_list_mail=analysis.is_list_mail,
        recipients=[FoundRecipient(each.address, each.original, each.reason) for each in delivered],
        checkable=addresses_to_check(resolution, account.routing),
        rejected=[
            *_unused((each.value, each.reason) for each in final.rejected),
            *_unused((each.address, f"{each.reason}; parked") for each in parked),
        ],
        park_reason=resolution.park_reason,
        loop=analysis.loop_reason,
        folder=folder,
    )


def _unused(pairs: Iterable[tuple[str, str]]) -> list[UnusedValue]:
    return [UnusedValue(value, reason) for value, reason in pairs]


def _trusted_lines(analysis: HeaderAnalysis) -> TrustedLines:
    zone = analysis.zone
    total = len(analysis.header.all_named("received"))
    return TrustedLines(len(zone.hops), total, [hop.by for hop in zone.hops], zone.has_received)
