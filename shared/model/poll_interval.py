"""How often an account is visited: `5m`, or a range such as `1m..15m`."""

from __future__ import annotations

from dataclasses import dataclass

from shared.model.duration import seconds, written

BETWEEN = ".."


@dataclass(frozen=True, slots=True)
class PollInterval:
    """Seconds between two visits: `shortest` while mail comes, up to `longest` while none does."""

    shortest: float
    longest: float

    @classmethod
    def parse(cls, value: object) -> PollInterval:
        """Read a duration, or two with `..` between them. Raises ValueError with what is expected."""
        if isinstance(value, PollInterval):
            return value
        if isinstance(value, str) and BETWEEN in value:
            shortest, _, longest = value.partition(BETWEEN)
            try:
                found = cls(seconds(shortest), seconds(longest))
            except ValueError as error:
                raise ValueError(f'{error}, or two of them such as "1m..15m"') from None
        else:
            found = cls.every(seconds(value))
        if found.shortest <= 0:
            raise ValueError("must be more than 0")
        if found.longest < found.shortest:
            raise ValueError('the shorter interval comes first, as in "1m..15m"')
        return found

    @classmethod
    def every(cls, interval: float) -> PollInterval:
        """Return the interval that is the same whether or not mail comes."""
        return cls(interval, interval)

    def __str__(self) -> str:
        if not self.grows:
            return written(self.shortest)
        return f"{written(self.shortest)}{BETWEEN}{written(self.longest)}"

    @property
    def grows(self) -> bool:
        """Whether the interval depends on when mail came last."""
        return self.longest > self.shortest

    def at_least(self, interval: float) -> PollInterval:
        """Return the range without what is shorter than `interval`, in seconds."""
        return PollInterval(max(self.shortest, interval), max(self.longest, interval))
