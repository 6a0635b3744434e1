"""What an action did, shown once on the page that follows it, with a way to undo it where there is one.

The notice travels in a cookie, signed with the session's secret: nobody else can put words or an action into
it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from fastapi import Request, Response

COOKIE = "mailferry_notice"
LASTS = 60
"""Seconds: the next page comes at once."""
MOST = 3000
"""Octets of a notice; browsers keep cookies of up to 4,096."""


class Undo(NamedTuple):
    """A form that takes an action back: the path that it is sent to, and its fields."""

    path: str
    fields: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Notice:
    """A text of the console with its values, and how to undo what it tells."""

    text: str
    values: dict[str, object] = field(default_factory=dict)
    undo: Undo | None = None
    is_problem: bool = False


def keep_notice(response: Response, notice: Notice, secret: str, *, secure: bool) -> None:
    """Have the browser bring the notice along to the next page."""
    undo = None if notice.undo is None else [notice.undo.path, {**notice.undo.fields}]
    body = json.dumps([notice.text, notice.values, undo, notice.is_problem]).encode()
    if len(body) > MOST:  # too many objects to name in a cookie: they are not undone at once
        body = json.dumps([notice.text, notice.values, None, notice.is_problem]).encode()
    value = base64.urlsafe_b64encode(_seal(secret, body) + body).decode()
    response.set_cookie(COOKIE, value, max_age=LASTS, secure=secure, httponly=True, samesite="strict")


def kept_notice(request: Request, secret: str) -> Notice | None:
    """Return the notice that came along; None where there is none, or not one of this session."""
    try:
        packed = base64.urlsafe_b64decode(request.cookies.get(COOKIE, ""))
        seal, body = packed[:32], packed[32:]
        if not hmac.compare_digest(seal, _seal(secret, body)):
            return None
        text, values, undo, is_problem = json.loads(body)
    except ValueError:
        return None
    return Notice(text, values, None if undo is None else Undo(*undo), is_problem)


def _seal(secret: str, body: bytes) -> bytes:
    return hmac.digest(b"notice " + secret.encode(), body, hashlib.sha256)
