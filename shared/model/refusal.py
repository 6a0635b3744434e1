"""The operator's rules about a target's refusals, by reply code; the first rule that matches decides.

A rule applies to refusals only. A mail that the target accepted is delivered, whatever is configured.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from typing_extensions import override

_CODE = re.compile(r"[45][0-9x]{2}")
_ENHANCED = re.compile(r"([45])\.([0-9]{1,3}|\*)\.([0-9]{1,3}|\*)")
ANY_DIGIT = "x"
ANY_NUMBER = "*"
EXPECTED = 'expected a reply code, an enhanced status code or both, such as "4xx", "5.7.*" or "550 5.7.*"'

Enhanced = tuple[int, int, int]


class Action(StrEnum):
    """What follows a refusal: another attempt, an operator's decision, the account's postmaster, nothing."""

    RETRY = "retry"
    PARK = "park"
    POSTMASTER = "postmaster"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True)
class CodePattern:
    """A reply code with `x` for any digit, an enhanced code (RFC 3463) with `*` for any number, or both.

    An empty part matches everything.
    """

    code: str = ""
    enhanced: tuple[str, str, str] | None = None

    @classmethod
    def parse(cls, text: str) -> CodePattern:
        """Parse a pattern. Raises ValueError with a sentence."""
        words = text.lower().split()
        code = words.pop(0) if words and _CODE.fullmatch(words[0]) else ""
        match = _ENHANCED.fullmatch(words[0]) if words else None
        if len(words) != (match is not None) or not (code or match):
            raise ValueError(EXPECTED)
        enhanced = (match[1], match[2], match[3]) if match else None
        if code and enhanced and code[0] != enhanced[0]:
            raise ValueError(f"no reply can be {code[0]}xx and {enhanced[0]}.x.x at the same time")
        return cls(code, enhanced)

    @property
    def is_permanent(self) -> bool:
        """Whether it matches permanent refusals only."""
        return (self.code or self.enhanced or "4")[0] == "5"

    def matches(self, code: int, enhanced: Enhanced | None) -> bool:
        """Whether a refusal matches; one without an enhanced code matches no pattern with one."""
        if not all(wanted in (ANY_DIGIT, digit) for wanted, digit in zip(self.code, str(code), strict=False)):
            return False
        if self.enhanced is None:
            return True
        return enhanced is not None and all(
            wanted in (ANY_NUMBER, str(number))
            for wanted, number in zip(self.enhanced, enhanced, strict=True)
        )

    @override
    def __str__(self) -> str:
        return " ".join(part for part in (self.code, ".".join(self.enhanced or ())) if part)


@dataclass(frozen=True, slots=True)
class RefusalRule:
    """The action for the refusals that `pattern` matches."""

    pattern: CodePattern
    action: Action

    def __post_init__(self) -> None:
        if self.action is Action.DISCARD and not self.pattern.is_permanent:
            raise ValueError("what a target refuses for the time being cannot be discarded, only 5xx can")


def action_for(rules: tuple[RefusalRule, ...], code: int, enhanced: Enhanced | None) -> Action | None:
    """Return the action of the first rule that matches; None if none does."""
    return next((rule.action for rule in rules if rule.pattern.matches(code, enhanced)), None)
