"""Removes secrets from log lines, and addresses unless the level is debug.

Every text is searched for addresses, as refusals from servers quote them.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import SecretBytes, SecretStr
from structlog.typing import EventDict, WrappedLogger

from shared.model.errors import quoted

MASK = "********"
HIDDEN = "<address>"
SECRET_KEYS = frozenset(
    {
        "password",
        "passwd",
        "secret",
        "token",
        "srs_key",
        "secret_key",
        "credentials",
        "authorization",
        "challenge",
    }
)
PERSONAL_KEYS = frozenset(
    {"username", "address", "recipient", "recipients", "reverse_path", "sender", "subject"}
)
LONGEST_TEXT = 2000

_LOCAL = r"""(?:"[^"\r\n]{1,64}"|[^\s<>()\[\]",;:@]{1,256})"""
_DOMAIN = r"""(?:\[[^\]\s]{1,64}\]|[^\s<>()\[\]",;:@]{1,256})"""
_ADDRESS = re.compile(f"{_LOCAL}@{_DOMAIN}")
_URL_PASSWORD = re.compile(r"(?<=://)([^\s/@:]{0,256}):\S{1,1024}@")


def redact(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Mask secrets, hide addresses, and keep each text on one line (a structlog processor)."""
    hide = line.get("level") != "debug"
    return {key: _redacted(key, value, hide) for key, value in line.items()}


def _redacted(key: str, value: Any, hide: bool) -> Any:
    if key.lower() in SECRET_KEYS or isinstance(value, (SecretStr, SecretBytes)):
        return MASK
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if hide and key.lower() in PERSONAL_KEYS:
        return HIDDEN
    if isinstance(value, dict):
        return {str(inner): _redacted(str(inner), item, hide) for inner, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_redacted("", item, hide) for item in value]
    return _safe_text(key, value if isinstance(value, (str, bytes)) else str(value), hide)


def _safe_text(key: str, text: str | bytes, hide: bool) -> str:
    """Return one printable line of bounded length. Only a traceback keeps its lines."""
    keeps_lines = key == "exception" and isinstance(text, str)
    safe = text if keeps_lines and isinstance(text, str) else quoted(text, LONGEST_TEXT)
    safe = _URL_PASSWORD.sub(rf"\1:{MASK}@", safe)
    return _ADDRESS.sub(HIDDEN, safe) if hide else safe
