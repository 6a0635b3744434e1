"""An account's keys upon those of its provider and the defaults, and where each of them is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from shared.config.locate import Path
from shared.config.problems import Problems
from shared.config.secrets import without_rival_ways
from shared.config.settings import DEFAULTS, SECRETS


@dataclass(frozen=True, slots=True)
class Layered:
    """An account's `own` keys over those that are `provided` by its provider, and those over the `defaults`;
    `index` is its place in the file.
    """

    index: int
    own: dict[str, Any]
    defaults: dict[str, Any]
    provided: dict[str, Any] = field(default_factory=dict)

    def table(self) -> dict[str, Any]:
        """All keys; a way to give a secret takes the place of every way in the defaults."""
        inherited = self.defaults
        for secret in SECRETS:
            inherited = without_rival_ways(inherited, secret, self.own)
        return {**inherited, **self.provided, **self.own}

    def where(self, key: Path) -> Path:
        """The path where a key is written: in the defaults for an inherited one, and for one that the
        provider gives where that is named.
        """
        if key[0] in self.provided and key[0] not in self.own:
            key = ("provider",)
        inherited = key[0] not in self.own and key[0] in self.defaults
        return (DEFAULTS, *key) if inherited else ("accounts", self.index, *key)

    def note(self, problems: Problems, key: str, sentence: str) -> None:
        """Note what is wrong with a key of the account."""
        problems.add(self.where((key,)), sentence)
