"""What `mailferry explain` says of a mail: the router's rules, without routing it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.router.decide.existence import addresses_to_check, choose
from services.router.decide.identity import identify
from services.router.resolving.examination import Examination, examine
from shared.model.account import Account
from shared.operations.explanation import Explanation, FoundRecipient, TrustedLines, UnusedValue
from shared.ports.directory import Finding

UNIQUE = "unique"
"""The identity of a mail where duplicates are not looked for."""


def explain_mail(raw: bytes, account: Account, now: float, findings: Mapping[str, Finding]) -> Explanation:
    """Return the explanation of the mail that is, or begins with, `raw`; see `ExplainMail`.

    A recipient that would be parked is among those rejected.
    """
    examination = examine(raw, account, now)
    evidence, resolution = examination.evidence, examination.resolution
    choice = choose(resolution, account.routing, findings)
    delivered = [each for each in choice.recipients if not each.parked]
    parked = [each for each in choice.recipients if each.parked]
    return Explanation(
        account=account.id,
        target=account.target,
        message_id=examination.message_id,
        identity=identify(raw, examination.header, account.routing.dedup, UNIQUE),
        sender=examination.reverse_path,
        sender_reason=examination.sender.reason,
        trusted_lines=_trusted_lines(examination),
        passed_over=_unused((each.value, each.reason) for each in evidence.passed),
        evidence_class=evidence.kind.number,
        evidence=resolution.evidence,
        field=evidence.field,
        value=evidence.value,
        confidence=evidence.confidence.value,
        is_list_mail=examination.list_mail,
        recipients=[FoundRecipient(each.address, each.original, each.reason) for each in delivered],
        checkable=addresses_to_check(resolution, account.routing),
        rejected=[
            *_unused((each.value, each.reason) for each in choice.rejected),
            *_unused((each.address, f"{each.reason}; parked") for each in parked),
        ],
        park_reason=resolution.park_reason,
        loop=examination.loop,
    )


def _unused(pairs: Iterable[tuple[str, str]]) -> list[UnusedValue]:
    return [UnusedValue(value, reason) for value, reason in pairs]


def _trusted_lines(examination: Examination) -> TrustedLines:
    zone = examination.zone
    total = len(examination.header.all("received"))
    return TrustedLines(len(zone.hops), total, [hop.by for hop in zone.hops], zone.is_vouched)
