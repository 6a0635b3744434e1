"""Which recipients are served, and which are parked, once the directory said who exists at the target.

A recipient that does not exist is replaced by the postmaster, or is parked where the account says so. With
neither configured, nobody is looked up, and the target itself refuses. A recipient whose existence is
undecided is served as if it existed: the target decides at delivery.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.router.decide.recipients import REJECTED_LIMIT, AcceptedRecipient, RejectedAddress, Resolution
from shared.custody.commands import ChosenRecipient
from shared.model.account import ExistenceCheck, MailboxKind, Routing
from shared.ports.directory import Existence, LookupResult

NAMED_LIMIT = 3


class FinalRecipients(NamedTuple):
    """The recipients to serve or park, and the rejected addresses, each with its reason.

    Of the rejected addresses about `REJECTED_LIMIT` are listed.
    """

    chosen: tuple[ChosenRecipient, ...]
    rejected: tuple[RejectedAddress, ...]

    @property
    def has_parked(self) -> bool:
        """Whether some recipient is to be parked."""
        return any(each.parked for each in self.chosen)


def addresses_to_check(resolution: Resolution, routing: Routing) -> list[str]:
    """Return the addresses to look up: all but the postmaster; none where the answer changes nothing."""
    if routing.existence is ExistenceCheck.NONE or routing.kind is MailboxKind.SINGLE:
        return []
    if routing.unknown_recipients is None and not routing.park_unknown:
        return []
    return [each.address for each in resolution.recipients if each.original]


def apply_lookups(
    resolution: Resolution, routing: Routing, lookups: Mapping[str, LookupResult]
) -> FinalRecipients:
    """Return the recipients that follow from `lookups`. An address that is not in it was not looked up."""
    rejected = resolution.rejected
    if not lookups:
        chosen = [ChosenRecipient(*each) for each in resolution.recipients]
        return FinalRecipients(tuple(chosen), rejected)
    present: list[ChosenRecipient] = []
    missing: list[tuple[AcceptedRecipient, LookupResult]] = []
    for each in resolution.recipients:
        result = lookups.get(each.address)
        if result is not None and result.existence is Existence.MISSING:
            missing.append((each, result))
        else:
            present.append(ChosenRecipient(each.address, each.original, _reason_with(each.reason, result)))
    if missing and routing.unknown_recipients is not None:
        postmaster = str(routing.unknown_recipients)
        rejected += tuple(
            RejectedAddress(each.address, _missing(result)) for each, result in missing[:REJECTED_LIMIT]
        )
        if all(each.address != postmaster for each in present):
            present.append(_replacement(postmaster, missing))
    else:
        present += [
            ChosenRecipient(each.address, each.original, f"{each.reason}; {_missing(result)}", parked=True)
            for each, result in missing
        ]
    return FinalRecipients(tuple(present), rejected)


def _reason_with(reason: str, result: LookupResult | None) -> str:
    if result is None:
        return reason
    if result.existence is Existence.EXISTS:
        return f"{reason}; exists: {result.reason}"
    return f"{reason}; not known to exist: {result.reason}"


def _missing(result: LookupResult) -> str:
    return f"does not exist: {result.reason}"


def _replacement(
    postmaster: str, missing: Iterable[tuple[AcceptedRecipient, LookupResult]]
) -> ChosenRecipient:
    """Return the postmaster as the recipient that is served in the place of those missing."""
    replaced = [each for each, _ in missing]
    names = ", ".join(each.address for each in replaced[:NAMED_LIMIT])
    if len(replaced) > NAMED_LIMIT:
        names += f" and {len(replaced) - NAMED_LIMIT} more"
    return ChosenRecipient(
        postmaster,
        replaced[0].original if len(replaced) == 1 else "",
        f"postmaster, because {names} {'does' if len(replaced) == 1 else 'do'} not exist",
        stands_for=tuple(each.address for each in replaced),
    )
