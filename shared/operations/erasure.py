"""Erasure: everything that is known of mails about one address of a tenant is exported, and the address taken
out of them. A certificate in the audit says so, without the address.

Custody comes first: mail that is not done keeps the address until it is. Parked mail is discarded for the
address first where that is asked for.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.contract.erasing import pattern_of
from shared.contract.journal import Entry
from shared.custody.state import Message
from shared.model.address import DefectiveAddress, parse_address
from shared.model.errors import Fault, MailferryError, quoted
from shared.model.message import RecipientStatus
from shared.operations.context import OperatorContext
from shared.operations.journal_text import entry_lines
from shared.operations.oauth_authorizing import new_id
from shared.operations.parked import NotParked, discard_parked, read_raw_mail
from shared.operations.people import Doer, record
from shared.ports.blobs import BlobMissing
from shared.ports.store import MailQuery, Scope

MOST_RAW = 32 * 1024 * 1024
"""Octets of a raw mail that is exported; `mailferry parked export` writes larger ones."""
PORTION = 200
"""Mails that are looked at, and changed, in one transaction."""


class AddressUnusable(MailferryError):
    """What is to be erased is no mail address."""

    temporary = False
    fault = Fault.OPERATOR


@dataclass(slots=True)
class ErasureReport:
    """What was found and done. `certificate` names the audit's entry, "" for a dry run.

    `kept` are mails that are in custody, or of which a copy is. `after` is the mail from which another call
    goes on, None at the end.
    """

    certificate: str
    stand_in: str
    found: int = 0
    erased: int = 0
    discarded: int = 0
    blobs: int = 0
    kept: list[str] = field(default_factory=list)
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is asked for: an address of a tenant. `includes_custody`: parked mail to it is discarded first."""

    tenant: str
    address: str
    is_dry_run: bool = False
    includes_custody: bool = False

    def __post_init__(self) -> None:
        """Raises `AddressUnusable`."""
        try:
            parse_address(self.address)
        except DefectiveAddress as defect:
            raise AddressUnusable(f"{quoted(self.address)} is no mail address: {defect}") from defect


async def erase(
    context: OperatorContext,
    doer: Doer,
    wanted: Erasure,
    *,
    after: str = "",
    seconds: float | None = None,
) -> ErasureReport:
    """Erase an address, newest mails first; stop after `seconds`, if given, between two portions.

    An erased mail takes its copies with it: who wants them calls `exported` before.
    """
    ends_at = None if seconds is None else context.clock.monotonic() + seconds
    certificate = new_id(context.clock.now())
    report = ErasureReport(certificate, f"erased-{certificate}@erased.invalid")
    try:
        async for portion in _portions(context, wanted, after):
            report.after = portion[-1].id
            await _portion(context, wanted, portion, report)
            if ends_at is not None and context.clock.monotonic() >= ends_at:
                break
        else:
            report.after = None
    finally:
        if wanted.is_dry_run:
            report.certificate = ""
        else:
            await _certify(context, doer, wanted, report)
    return report


async def exported(context: OperatorContext, wanted: Erasure) -> AsyncIterator[Mapping[str, Any]]:
    """Yield all that is known of each mail about the address, newest first; nothing is changed."""
    async for portion in _portions(context, wanted, ""):
        found = await _mentioning(context, wanted, portion)
        for message in portion:
            if (entries := found.get(message.id)) is not None:
                yield await _story(context, message, entries)


async def _portions(
    context: OperatorContext, wanted: Erasure, after: str
) -> AsyncIterator[Sequence[Message]]:
    """The mails of the tenant, newest first. Texts of a journal may have the address of any of them."""
    while found := await context.store.mail_page(MailQuery(Scope(wanted.tenant), before=after), PORTION):
        yield found
        after = found[-1].id


async def _portion(
    context: OperatorContext,
    wanted: Erasure,
    portion: Sequence[Message],
    report: ErasureReport,
) -> None:
    found = await _mentioning(context, wanted, portion)
    mails = [each for each in portion if each.id in found]
    report.found += len(mails)
    if wanted.is_dry_run or not mails:
        return
    if wanted.includes_custody:
        for each in mails:
            report.discarded += await _discard(context, wanted, each)
    erased = await context.store.erase_in_mails(
        [each.id for each in mails], pattern_of(wanted.address), report.stand_in
    )
    for each in erased:
        if each.blob is not None:
            await context.blobs.delete(each.blob)
            report.blobs += 1
    report.erased += len(erased)
    done = {each.id for each in erased}
    named = {each.id for each in mails}
    report.found += len(done - named - {*report.kept})
    report.kept = [each for each in (*report.kept, *named) if each not in done]


async def _mentioning(
    context: OperatorContext, wanted: Erasure, portion: Sequence[Message]
) -> Mapping[str, Sequence[Entry]]:
    ids = [each.id for each in portion]
    return await context.store.mails_mentioning(ids, pattern_of(wanted.address))


async def _discard(context: OperatorContext, wanted: Erasure, message: Message) -> int:
    """Give a mail up where it is parked for the address; return for how many recipients it was."""
    pattern = pattern_of(wanted.address)
    parked = [
        each.address
        for each in message.recipients.values()
        if each.status is RecipientStatus.PARKED and pattern.search(each.address)
    ]
    if not parked:
        return 0
    try:
        return len(await discard_parked(context, message.id, parked))
    except NotParked:
        # Somebody retried or discarded it meanwhile.
        return 0


async def _story(context: OperatorContext, message: Message, entries: Sequence[Entry]) -> Mapping[str, Any]:
    """All that is known of a mail, as JSON can hold it; `raw` is the mail itself, in
    base64, where a copy is held that is not larger than `MOST_RAW`."""
    raw = None
    if message.blob is not None and message.octets <= MOST_RAW:
        try:
            pieces = [piece async for piece in read_raw_mail(context, message)]
            raw = base64.b64encode(b"".join(pieces)).decode()
        except BlobMissing:
            raw = None
    return {
        "id": message.id,
        "account": message.account,
        "status": message.status.value,
        "first_fetched_at": message.first_fetched_at,
        "message_id": message.message_id,
        "reverse_path": message.reverse_path,
        "recipients": [
            {
                "address": each.address,
                "destination": each.destination,
                "original": each.original,
                "status": each.status.value,
                "code": each.code,
                "text": each.text,
            }
            for each in message.recipients.values()
        ],
        "story": [{"at": each.at, "kind": each.wire_name, "lines": [*entry_lines(each)]} for each in entries],
        "raw": raw,
    }


async def _certify(context: OperatorContext, doer: Doer, wanted: Erasure, report: ErasureReport) -> None:
    """Record the erasure. Whoever knows the address can tell by its digest that it was this one."""
    digest = hashlib.sha256(f"{wanted.tenant}\0{wanted.address.lower()}".encode()).hexdigest()
    after = {
        "address_sha256": digest,
        "stand_in": report.stand_in,
        "found": report.found,
        "erased": report.erased,
        "discarded": report.discarded,
        "blobs": report.blobs,
        "kept_in_custody": len(report.kept),
        "complete": report.after is None,
    }
    await record(context, doer, "mail.erase", report.certificate, wanted.tenant, after=after)
