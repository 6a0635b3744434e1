"""The keys of an account with those it inherits, and where each of them is written."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from shared.config.problems import Problems
from shared.config.protocol_keys import without_unfit
from shared.config.secrets import without_other_ways
from shared.config.settings import DEFAULTS, SECRETS
from shared.config.toml_lines import KeyPath
from shared.config.urls import protocol_alone, protocol_in


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """An account's `own` keys go before those that its provider gives (`provided`), and those before the
    `defaults`. `index` is the account's place in the file.

    `judged`: the own keys that have to fit to the account, all by default. Defaults are meant for other
    accounts, too; those that the registry has taken over do not have to fit either.
    """

    index: int
    own: dict[str, Any]
    defaults: dict[str, Any]
    provided: dict[str, Any] = field(default_factory=dict)
    judged: Collection[str] | None = None

    @property
    def protocol(self) -> str | None:
        """The protocol that the source names; None where it names none."""
        return protocol_in({**self.defaults, **self.provided, **self.own}.get("source"))

    @property
    def meant(self) -> Collection[str]:
        """The keys that are meant for this very account."""
        return self.own.keys() if self.judged is None else self.own.keys() & set(self.judged)

    def table(self) -> dict[str, Any]:
        """Return all keys. A secret that the account gives replaces all ways of giving it in the defaults.

        Keys in the defaults that are for another protocol are meant for other accounts. A source that is only
        a protocol becomes the provider's URL.
        """
        inherited = self.defaults
        for secret in SECRETS:
            inherited = without_other_ways(inherited, secret, self.own)
        if self.protocol is not None:
            inherited = without_unfit(inherited, self.protocol)
        table = {**inherited, **self.provided, **self.own}
        if protocol_alone(table.get("source")) is not None:
            table["source"] = self.provided.get("source", table["source"])
        return table

    def written(self) -> dict[str, Any]:
        """Return all keys but those that only the provider gives, which may change with the next release."""
        return {
            key: value for key, value in self.table().items() if key in self.own or key not in self.provided
        }

    def path_of(self, key: KeyPath) -> KeyPath:
        """Return the path where a key is written. A key of the provider is found at `provider`."""
        if key[0] in self.provided and key[0] not in self.own:
            key = ("provider",)
        inherited = key[0] not in self.own and key[0] in self.defaults
        return (DEFAULTS, *key) if inherited else ("accounts", self.index, *key)

    def add_problem(self, problems: Problems, key: str, sentence: str) -> None:
        """Add what is wrong with a key of the account."""
        problems.add_problem(self.path_of((key,)), sentence)
