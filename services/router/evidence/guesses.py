"""Class 4: whom the author named; a guess, as the envelope may have named others. None for list mail."""

from __future__ import annotations

from collections.abc import Iterable

from services.router.evidence.case import Case
from services.router.evidence.evidence import Confidence, Evidence, EvidenceClass, nothing, shown
from services.router.header.addresses import Defect, read_addresses
from services.router.header.allowance import Allowance
from services.router.header.fields import Header, HeaderField
from services.router.header.lenient import LenientReader
from shared.model.address import Address

RESENT = ("resent-to", "resent-cc", "resent-bcc")
VISIBLE = ("to", "cc", "bcc")


def mailing_list(case: Case) -> Evidence | None:
    """A mailing list's mail names the list, not its readers: from here on there is nothing to guess from."""
    if not is_list_mail(case.header):
        return None
    return nothing("mail of a mailing list, and no envelope field says for whom")


def is_list_mail(header: Header) -> bool:
    """Whether the mail comes from a mailing list, as it says itself."""
    return bool(header.all("list-id")) or header.first("precedence").strip().lower() == b"list"


def resent(case: Case) -> Evidence | None:
    """Whom the last one who resent the mail named (RFC 5322 section 3.6.6)."""
    return _guess(case, _topmost_resent_block(case.header), RESENT, EvidenceClass.RESENT)


def visible(case: Case) -> Evidence | None:
    """Whom the author named."""
    return _guess(case, case.header.fields, VISIBLE, EvidenceClass.VISIBLE)


def _topmost_resent_block(header: Header) -> list[HeaderField]:
    """A block ends at a field of another kind, or where one comes again: that is of an earlier block."""
    block: list[HeaderField] = []
    seen: set[str] = set()
    for field in header.fields:
        is_resent = field.name.startswith("resent-")
        if block and (not is_resent or field.name in seen):
            break
        if is_resent:
            block.append(field)
            seen.add(field.name)
    return block


def _guess(
    case: Case, fields: Iterable[HeaderField], names: tuple[str, ...], kind: EvidenceClass
) -> Evidence | None:
    """People wrote these fields, so what the strict reading refuses is read leniently."""
    chosen = [field for field in fields if field.name in names]
    allowance = Allowance()
    reader = LenientReader(case.accepts, allowance)
    found = read_addresses(
        *[field.value for field in chosen], allowance=lambda: allowance, lenient=reader.read
    )
    if not found:
        return None
    addresses = tuple([element for element in found if isinstance(element, Address)])
    defects = tuple([element for element in found if isinstance(element, Defect)])
    name = ", ".join(dict.fromkeys(field.name.title() for field in chosen))
    value = shown(b"; ".join([field.value for field in chosen]))
    return Evidence(kind, Confidence.LOW, name, addresses, defects, value=value)
