"""Delivery status notifications, as far as a target is asked for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Dsn:
    """Which notifications we ask the target for (RFC 3461).

    `notify`: "never", or some of "success", "failure" and "delay". `full`: with the whole mail instead of its
    header. `envelope_id` comes back in them. `originals`: by recipient, whom the mail was written to.
    """

    notify: tuple[str, ...]
    full: bool = False
    envelope_id: str = ""
    originals: Mapping[str, str] = field(default_factory=dict)
