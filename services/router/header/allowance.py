"""How much of a hostile header is looked at: what is costly to check is counted over a whole mail."""

from __future__ import annotations

from shared.model.address import DefectiveAddress, normal_domain

TOKEN_LIMIT = 200_000
INTERNATIONAL_LIMIT = 100


class Allowance:
    """Of one mail, or of one reading. `tokens` may still be looked at; of domains beyond ASCII, which are
    costly to check, `INTERNATIONAL_LIMIT` different ones.
    """

    def __init__(self) -> None:
        self.tokens = TOKEN_LIMIT
        self._international: set[str] = set()

    def domain(self, text: str) -> str:
        """The domain as `normal_domain` has it. Raises `DefectiveAddress`, also where it is one too many."""
        if not text.isascii() and text not in self._international:
            if len(self._international) == INTERNATIONAL_LIMIT:
                raise DefectiveAddress(
                    f"only the first {INTERNATIONAL_LIMIT} international domains were looked at"
                )
            self._international.add(text)
        return normal_domain(text)
