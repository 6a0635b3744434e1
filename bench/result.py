"""What a measurement found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Result:
    """`mails` delivered in `seconds`; `cpu` in seconds and `peak` memory in bytes by process; `left` at
    the source. `beside` is the CPU, in seconds, that the servers took by program; `wal` the octets
    that PostgreSQL wrote into its log meanwhile.
    """

    name: str
    mails: int
    seconds: float
    cpu: dict[str, float] = field(default_factory=dict)
    peak: dict[str, int] = field(default_factory=dict)
    left: int = 0
    note: str = ""
    beside: dict[str, float] = field(default_factory=dict)
    wal: int = 0

    @property
    def rate(self) -> float:
        """Mails per second."""
        return self.mails / self.seconds if self.seconds else 0.0

    @property
    def cpu_per_mail(self) -> dict[str, float]:
        """CPU seconds per mail by process."""
        return {name: seconds / max(1, self.mails) for name, seconds in self.cpu.items()}
