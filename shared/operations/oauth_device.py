"""The answer to a request for a device code (RFC 8628, section 3.2)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from shared.oauth.answers import Answer, Failure, Refreshed, RetryLater, meaning
from shared.oauth.providers import is_safe_url

DEFAULT_INTERVAL, LONGEST_INTERVAL, LONGEST_LIFETIME = 5.0, 60.0, 1800.0


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What the owner enters, and where. `interval` and `lifetime` are in seconds."""

    device_code: str = field(repr=False)
    user_code: str
    url: str
    interval: float
    lifetime: float


class UnfitDeviceAnswer(Exception):
    """There is no code in the answer; `meaning` says why."""

    def __init__(self, found: Failure) -> None:
        super().__init__(found.sentence)
        self.meaning = found


def device_code_of(answer: Answer) -> DeviceCode:
    """Return the code in an answer. Raises `UnfitDeviceAnswer`."""
    try:
        said = json.loads(answer.body) if answer.status == 200 else {}
        code, shown = said["device_code"], said["user_code"]
        url = said.get("verification_uri") or said["verification_url"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        found = meaning(answer)
        if isinstance(found, Refreshed):
            found = RetryLater("The token server's answer has no device code in it.")
        raise UnfitDeviceAnswer(found) from None
    if not all(
        isinstance(each, str) and each.isprintable() for each in (code, shown, url)
    ) or not is_safe_url(url):
        raise UnfitDeviceAnswer(RetryLater("The token server's answer has no device code that can be used."))
    return DeviceCode(
        code,
        shown,
        url,
        _seconds(said.get("interval"), DEFAULT_INTERVAL, LONGEST_INTERVAL),
        _seconds(said.get("expires_in"), LONGEST_LIFETIME, LONGEST_LIFETIME),
    )


def _seconds(value: object, default: float, most: float) -> float:
    return min(most, max(1.0, float(value))) if isinstance(value, (int, float)) else default
