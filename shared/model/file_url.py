"""URLs that name a file or directory of this machine: how they are read and written.

`scheme:///absolute/path`, `scheme:/absolute/path` or `scheme:relative/path`, percent-encoded (RFC 3986
section 2.1). Blanks may stand as they are; `%`, `?` and `#` are written %25, %3F and %23. A fourth slash
changes nothing.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PLAIN = "/ !$&'()*+,:;=@~"
"""Characters that a path may contain as they are."""


def percent_decoded(part: str, what: str) -> str:
    """Decode part of a URL; `what` names it in errors. Raises ValueError with a sentence."""
    if _STRAY_PERCENT.search(part):
        raise ValueError(f"the {what} has a % that is not followed by two hex digits; write it as %25")
    try:
        decoded = unquote(part, errors="strict")
    except UnicodeDecodeError:
        raise ValueError(f"the percent-encoded {what} is not valid UTF-8") from None
    if not decoded:
        raise ValueError(f"the {what} is empty")
    if any(forbidden in decoded for forbidden in "\0\r\n"):
        raise ValueError(f"the {what} must not contain NUL or a line end")
    return decoded


def path_in_url(url: str, scheme: str, example: str) -> str:
    """Return the decoded path in a URL. `scheme` ends in a colon. Raises ValueError with a sentence."""
    rest = url.removeprefix(scheme)
    has_host = rest.startswith("//") and not rest.startswith("///")
    path = "/" + rest.lstrip("/") if rest.startswith("/") else rest
    if not url.startswith(scheme) or has_host or not PurePosixPath(path).name:
        raise ValueError(f"expected a URL with a path such as {example}")
    if "?" in rest or "#" in rest:
        raise ValueError(
            f"expected a URL with a path such as {example}; in a path ? is written %3F and # is written %23"
        )
    return percent_decoded(path, "path")


def url_of_path(scheme: str, path: str) -> str:
    """Return the URL that names `path`. `scheme` has its colon and slashes."""
    return scheme + quote(path, safe=_PLAIN)
