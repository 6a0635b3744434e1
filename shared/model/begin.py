"""From when on an account's mail is delivered: what was in the mailbox before is left there, untouched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2})?(?:[Zz]|[+-]\d{2}:\d{2})")
_EXPECTED = (
    'expected "all", "now", or a date such as "2026-11-01" (from 0:00 UTC on) or "2026-11-01T08:00:00+01:00"'
)


@dataclass(frozen=True, slots=True)
class Begin:
    """Mail that its server received before `since` (seconds since the epoch) is skipped, if it was there when
    the account began. `since` is -inf for "all" and inf for "now".
    """

    since: float

    @classmethod
    def parse(cls, text: str) -> Begin:
        """Parse `all`, `now`, a date, which is taken in UTC, or a date and time with a zone.

        Raises ValueError.
        """
        if text == "all":
            return ALL
        if text == "now":
            return NOW
        if _DATE.fullmatch(text):
            text = f"{text}T00:00:00Z"
        if not _MOMENT.fullmatch(text):
            raise ValueError(_EXPECTED)
        try:
            return cls(datetime.fromisoformat(text.upper()).timestamp())
        except ValueError:
            raise ValueError(_EXPECTED) from None

    def __str__(self) -> str:
        if not self.needs_date:
            return "now" if self.since > 0 else "all"
        moment = datetime.fromtimestamp(self.since, UTC).isoformat().removesuffix("+00:00")
        return moment.removesuffix("T00:00:00") if moment.endswith("T00:00:00") else f"{moment}Z"

    @property
    def skips(self) -> bool:
        """Whether any mail is skipped."""
        return self.since != -inf

    @property
    def needs_date(self) -> bool:
        """Whether the date of a mail decides."""
        return self.since not in {-inf, inf}


ALL = Begin(-inf)
NOW = Begin(inf)
