"""The options of fetchmail and what follows each: the tables "KEYWORD/OPTION SUMMARY" of its manual page."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto


class Form(Enum):
    """What follows an option."""

    FLAG = auto()
    """Nothing; `no` may stand before it."""
    STRING = auto()
    STRINGS = auto()
    NUMBER = auto()
    NUMBERS = auto()
    WORD = auto()
    """A word of a few, or a number."""
    ENVELOPE = auto()
    """A number, or none, and a string; or `no` stands before it."""


def _all(form: Form, *names: str) -> dict[str, Form]:
    return dict.fromkeys(names, form)


GLOBAL: Mapping[str, Form] = {
    **_all(Form.STRING, "logfile", "idfile", "pidfile", "postmaster", "properties"),
    **_all(Form.NUMBER, "daemon"),
    **_all(Form.FLAG, "bouncemail", "spambounce", "softbounce", "syslog", "invisible", "showdots"),
}
SERVER: Mapping[str, Form] = {
    **_all(Form.STRING, "via", "qvirtual", "interface", "monitor", "plugin", "plugout", "principal"),
    **_all(Form.STRING, "esmtpname", "esmtppassword"),
    **_all(Form.STRINGS, "aka", "localdomains"),
    **_all(Form.NUMBER, "port", "interval", "timeout"),
    **_all(Form.WORD, "proto", "service", "auth", "bad-header"),
    **_all(Form.FLAG, "uidl", "dns", "checkalias", "tracepolls"),
    "envelope": Form.ENVELOPE,
}
USER: Mapping[str, Form] = {
    **_all(Form.STRING, "password", "passwordfile", "smtpaddress", "smtpname", "mda", "bsmtp"),
    **_all(Form.STRING, "preconnect", "postconnect", "properties"),
    **_all(Form.STRING, "sslkey", "sslcert", "sslproto", "sslcertfile", "sslcertpath", "sslcommonname"),
    **_all(Form.STRING, "sslfingerprint"),
    **_all(Form.STRINGS, "folder", "smtphost", "fetchdomains"),
    **_all(Form.NUMBER, "limit", "warnings", "batchlimit", "fetchlimit", "fetchsizelimit", "fastuidl"),
    **_all(Form.NUMBER, "expunge", "passwordfd"),
    **_all(Form.NUMBERS, "antispam"),
    **_all(Form.FLAG, "ssl", "sslcertck", "keep", "flush", "limitflush", "fetchall", "rewrite", "stripcr"),
    **_all(Form.FLAG, "forcecr", "pass8bits", "dropstatus", "dropdelivered", "mimedecode", "idle", "lmtp"),
}
SHORT: Mapping[str, str] = {
    "local": "localdomains",
    "protocol": "proto",
    "authenticate": "auth",
    "preauth": "auth",
    "preauthenticate": "auth",
    "username": "user",
    "pass": "password",
    "folders": "folder",
    "smtp": "smtphost",
    "pre": "preconnect",
    "post": "postconnect",
    "pass8": "pass8bits",
    "mimedec": "mimedecode",
    "server": "poll",
}
"""Other ways to write a keyword."""
NOISE = frozenset({"and", "with", "has", "wants", "options"})
STRUCTURE = frozenset({"set", "defaults", "poll", "skip", "user", "is", "to", "here", "there", "no"})
"""Keywords that are no options."""
FLAGS = frozenset(
    name for table in (GLOBAL, SERVER, USER) for name, form in table.items() if form is Form.FLAG
)


def keyword(word: str) -> str:
    """Return the keyword as the tables have it."""
    return SHORT.get(word, word)


def is_keyword(word: str) -> bool:
    """Return whether a word is a keyword where one may stand."""
    known = keyword(word)
    return (
        known in STRUCTURE or known in SERVER or known in USER or known in GLOBAL or denied(word) is not None
    )


def denied(word: str) -> str | None:
    """Return the flag that a word such as `nokeep` switches off; None if it is no such word."""
    flag = keyword(word[2:])
    return flag if word.startswith("no") and (flag in FLAGS or flag == "envelope") else None
