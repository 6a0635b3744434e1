"""A secret, and the forms in which a server may repeat it."""

from __future__ import annotations

import base64
import html
import json
import quopri
from urllib.parse import quote, quote_plus

USER = "relay-user"
CANARY = 'cänary "p/w"+7?<x>'
RAW = CANARY.encode()
BETRAYING = (
    "nary",
    "ary ",
    "p/w",
    "+7?",
    "bmFye",
    "5hcnk",
    "uYXJ5",
    "cOkbm",
    base64.b64encode(RAW).decode()[:8],
)
"""Pieces that must not be seen of it: of the secret as it is, and of its base64 at any place in a word."""


def b64(data: bytes) -> bytes:
    return base64.b64encode(data)


FORMS = {
    "clear": RAW,
    "upper case": RAW.upper(),
    "latin-1": CANARY.encode("latin-1"),
    "base64": b64(RAW),
    "base64 without its end": b64(RAW).rstrip(b"="),
    "base64 for URLs": base64.urlsafe_b64encode(RAW),
    "PLAIN": b64(b"\0" + USER.encode() + b"\0" + RAW),
    "PLAIN with an identity": b64(USER.encode() + b"\0" + USER.encode() + b"\0" + RAW),
    "XOAUTH2": b64(b"user=" + USER.encode() + b"\1auth=Bearer " + RAW + b"\1\1"),
    "half of PLAIN": b64(b"\0" + USER.encode() + b"\0" + RAW)[:28],
    "latin-1 in base64": b64(CANARY.encode("latin-1")),
    "percent": quote(CANARY, safe="").encode(),
    "percent with slashes": quote(CANARY).encode(),
    "form": quote_plus(CANARY).encode(),
    "percent throughout": "".join(f"%{octet:02x}" for octet in RAW).encode(),
    "quoted string": RAW.replace(b'"', b'\\"'),
    "quoted-printable": quopri.encodestring(RAW, quotetabs=True),
    "quoted-printable throughout": "".join(f"={octet:02X}" for octet in RAW).encode(),
    "JSON": json.dumps(CANARY).encode(),
    "HTML": html.escape(CANARY).encode(),
    "hex": RAW.hex().encode(),
}


def betrayed(text: str) -> list[str]:
    """Which pieces of the secret can be seen in the text."""
    decoded = [text, text.replace("=", ""), text.replace("%", "")]
    return [piece for piece in (*BETRAYING, RAW.hex()[4:12]) if any(piece in each for each in decoded)]
