"""What follows from the answers to "does he exist at the target?": who is served, who is parked.

One who does not exist gives way to the postmaster, or is parked where the account says so; otherwise the
target itself is left to refuse him. Where nobody knows, he is served as if he existed: the target decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.router.decide.recipients import REJECTED_LIMIT, Accepted, Rejected, Resolution
from shared.custody.commands import ChosenRecipient
from shared.model.account import ExistenceCheck, MailboxKind, Routing
from shared.ports.directory import Existence, Finding

MOST_NAMED = 3


class Choice(NamedTuple):
    """Who is to be served or parked, and who was rejected, each with the reason; of those rejected, about
    `REJECTED_LIMIT` are listed.
    """

    recipients: tuple[ChosenRecipient, ...]
    rejected: tuple[Rejected, ...]

    @property
    def parks(self) -> bool:
        """Whether some recipient is to be parked."""
        return any(each.parked for each in self.recipients)


def addresses_to_check(resolution: Resolution, routing: Routing) -> list[str]:
    """Those of whom it matters whether they exist: all but the postmaster, where the account wants to
    know.
    """
    if routing.existence is ExistenceCheck.NONE or routing.kind is MailboxKind.SINGLE:
        return []
    if routing.unknown_recipients is None and not routing.park_unknown:
        return []
    return [each.address for each in resolution.recipients if each.original]


def choose(resolution: Resolution, routing: Routing, findings: Mapping[str, Finding]) -> Choice:
    """The choice that follows from `findings`; who has none was not asked about."""
    rejected = resolution.rejected
    if not findings:
        chosen = [ChosenRecipient(*each) for each in resolution.recipients]
        return Choice(tuple(chosen), rejected)
    present: list[ChosenRecipient] = []
    missing: list[tuple[Accepted, Finding]] = []
    for each in resolution.recipients:
        finding = findings.get(each.address)
        if finding is not None and finding.standing is Existence.MISSING:
            missing.append((each, finding))
        else:
            present.append(ChosenRecipient(each.address, each.original, _with(each.reason, finding)))
    if missing and routing.unknown_recipients is not None:
        postmaster = str(routing.unknown_recipients)
        rejected += tuple(
            Rejected(each.address, _missing(finding)) for each, finding in missing[:REJECTED_LIMIT]
        )
        if all(each.address != postmaster for each in present):
            present.append(_in_their_place(postmaster, missing))
    else:
        present += [
            ChosenRecipient(each.address, each.original, f"{each.reason}; {_missing(finding)}", parked=True)
            for each, finding in missing
        ]
    return Choice(tuple(present), rejected)


def _with(reason: str, finding: Finding | None) -> str:
    if finding is None:
        return reason
    if finding.standing is Existence.EXISTS:
        return f"{reason}; exists: {finding.reason}"
    return f"{reason}; not known to exist: {finding.reason}"


def _missing(finding: Finding) -> str:
    return f"does not exist: {finding.reason}"


def _in_their_place(postmaster: str, missing: Iterable[tuple[Accepted, Finding]]) -> ChosenRecipient:
    those = [each for each, _ in missing]
    names = ", ".join(each.address for each in those[:MOST_NAMED])
    if len(those) > MOST_NAMED:
        names += f" and {len(those) - MOST_NAMED} more"
    return ChosenRecipient(
        postmaster,
        those[0].original if len(those) == 1 else "",
        f"postmaster, because {names} {'does' if len(those) == 1 else 'do'} not exist",
        stands_for=tuple(each.address for each in those),
    )
