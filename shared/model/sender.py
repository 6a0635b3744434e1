"""The reverse-path that the mail of an account is delivered with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.model.address import Address
from shared.model.srs import Srs


class SenderKind(StrEnum):
    """Keep the original sender; the null sender; one address for all mail; rewrite it so that SPF passes."""

    PRESERVE = "preserve"
    NULL = "null"
    ADDRESS = "address"
    SRS = "srs"


@dataclass(frozen=True, slots=True)
class SenderRule:
    """`address` is set for ADDRESS, `srs` for SRS. The null sender stays null, whatever the rule."""

    kind: SenderKind = SenderKind.PRESERVE
    address: Address | None = None
    srs: Srs | None = None

    def __str__(self) -> str:
        return str(self.address) if self.address else self.kind.value
