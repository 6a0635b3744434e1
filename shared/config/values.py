"""Parses values of settings. Each function raises ValueError with a sentence.

No sentence repeats a value that may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_network
from urllib.parse import urlsplit

from typing_extensions import override

from shared.model.account import PARK, REFUSE, ExistenceCheck
from shared.model.address import Address, DefectiveAddress, normal_domain, parse_address
from shared.model.address_policy import IpNetwork
from shared.model.authentication import BY_NAME, DETECTIONS
from shared.model.begin import Begin
from shared.model.errors import quoted
from shared.model.refusal import Action, CodePattern, RefusalRule
from shared.model.retention import Retention

AUTOMATIC = "auto"
OAUTH = "oauth"
OAUTH_METHODS = ("xoauth2", "oauthbearer")
"""What "oauth" stands for. XOAUTH2 is first, as all large providers have it."""
LIST_SCHEME = "file:"
_PIN = re.compile(r"sha256:(?P<digits>[0-9A-Fa-f]{2}(?::?[0-9A-Fa-f]{2})*)", re.IGNORECASE)
SHA256_DIGITS = 64
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_LISTEN = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s\[\]:]+)):(?P<port>[0-9]{1,5})")
HIGHEST_PORT = 65535
_RULE_KEYS = ("code", "action")
_ACTIONS = ", ".join(f'"{action}"' for action in Action)


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a server of ours listens; port 0 lets the system choose one."""

    host: str
    port: int

    @override
    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def name(value: object) -> str:
    """The name of a tenant, account or target: it appears in logs, so it is no address."""
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise ValueError('expected up to 64 letters, digits, ".", "_", "+" or "-", a letter or digit first')


def names(value: object) -> tuple[str, ...]:
    """Names of tenants."""
    if not isinstance(value, (list, tuple)):
        raise ValueError("expected a list of names in [ ]")  # noqa: TRY004 - pydantic takes only ValueError
    return tuple(name(each) for each in value)


def text(value: object) -> str:
    """Text that goes into a command to a server: not empty, and without NUL or line ends."""
    if not isinstance(value, str) or not value:
        raise ValueError("expected text in quotes")
    if any(forbidden in value for forbidden in "\0\r\n"):
        raise ValueError("must not contain NUL or a line end")
    return value


def address(value: object) -> Address:
    """One mail address."""
    written = value if isinstance(value, str) else ""
    try:
        return parse_address(written)
    except DefectiveAddress as defect:
        raise ValueError(f'"{quoted(written)}" is no valid address: {defect}') from None


def domain(value: object) -> str:
    """One mail domain, normalised."""
    written = value if isinstance(value, str) else ""
    try:
        return normal_domain(written)
    except DefectiveAddress as defect:
        reason = str(defect).replace("nothing after the @", "it is empty")
        raise ValueError(f'"{quoted(written)}" is no valid domain: {reason}') from None


def unknown_recipients(value: object) -> Address | str:
    """The postmaster's address for unknown recipients, `refuse` or `park`."""
    if value in (REFUSE, PARK):
        return str(value)
    if isinstance(value, str) and "@" not in value:
        raise ValueError('expected the address of a postmaster, "refuse" or "park"')
    return address(value)


def existence(value: object) -> str:
    """How to find out who exists at the target: `none`, `rcpt`, or `file:` and the path of a list."""
    if value in (ExistenceCheck.NONE, ExistenceCheck.RCPT):
        return str(value)
    if isinstance(value, str) and value.startswith(LIST_SCHEME) and len(value) > len(LIST_SCHEME):
        return text(value)
    raise ValueError('expected "none", "rcpt", or "file:" and the path of a list of recipients')


def postmasters(value: object) -> dict[str, Address]:
    """The postmasters of tenants, by the tenants' names."""
    pairs = value.items() if isinstance(value, dict) else None
    if pairs is None:
        raise ValueError('expected a table such as { "acme" = "postmaster@acme.com" }')
    return {name(tenant): address(postmaster) for tenant, postmaster in pairs}


def begin(value: object) -> Begin:
    """From when on mail is delivered; a date or a time may be TOML's own."""
    if isinstance(value, date):
        return Begin.parse(value.isoformat())
    return Begin.parse(value if isinstance(value, str) else "")


def retention(value: object) -> Retention:
    """How long a copy stays at the source."""
    return Retention.parse(value if isinstance(value, str) else "")


def auth_methods(value: object) -> tuple[str, ...]:
    """The allowed login methods, in the order in which they are tried; () for "auto"."""
    if value == AUTOMATIC:
        return ()
    if value == OAUTH:
        return OAUTH_METHODS
    return _known(value, tuple(BY_NAME), f'"{AUTOMATIC}" or a list of these')


def sasl_methods(value: object) -> tuple[str, ...]:
    """The allowed login methods at a target, as SASL mechanisms; () for "auto"."""
    sasl = tuple(name for name in BY_NAME if name not in {"apop", "user"} and not name.endswith("-plus"))
    if value == OAUTH:
        value = list(OAUTH_METHODS)
    names = () if value == AUTOMATIC else _known(value, sasl, f'"{AUTOMATIC}" or a list of these')
    return tuple(name.upper() for name in names)


def networks(value: object) -> tuple[IpNetwork, ...]:
    """Networks such as `10.0.0.0/8`. A single address is a network, too."""
    expected = 'expected a list of networks such as "10.0.0.0/8"'
    texts = _texts(value, expected)
    try:
        return tuple(ip_network(text) for text in texts)
    except ValueError as error:
        raise ValueError(f"{expected}: {quoted(str(error))}") from None


def detections(value: object) -> tuple[str, ...]:
    """The ways to ask a server what it offers; an empty list switches all of them off."""
    return () if value == [] else _known(value, DETECTIONS, "a list of these")


def pin(value: object) -> str:
    """The fingerprint of a certificate, in lower case and without the colons that `openssl` writes."""
    if isinstance(value, str) and (match := _PIN.fullmatch(value.strip())):
        digits = match["digits"].replace(":", "").lower()
        if len(digits) == SHA256_DIGITS:
            return f"sha256:{digits}"
    raise ValueError(
        'expected "sha256:" and the 64 hex digits that "openssl x509 -noout -fingerprint -sha256" shows'
    )


def listen(value: object) -> Listen | None:
    """Where to listen, as `host:port`; None for the empty text, which switches it off."""
    if value == "":
        return None
    if isinstance(value, str) and (match := _LISTEN.fullmatch(value)) and int(match["port"]) <= HIGHEST_PORT:
        return Listen(match["v6"] or match["host"], int(match["port"]))
    raise ValueError('expected "host:port" such as "127.0.0.1:9464", or "" to switch it off')


def web_address(value: object) -> str:
    """An address that begins with http:// or https:// and names a host; without a password."""
    if isinstance(value, str):
        parts = urlsplit(value)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.password is None:
            return value
    raise ValueError('expected an address without a password, such as "http://127.0.0.1:4318"')


def refusal_rules(value: object) -> tuple[RefusalRule, ...]:
    """The rules for refusals of a target, in their order; an error counts rules from 1."""
    if not isinstance(value, list) or not all(isinstance(table, Mapping) for table in value):
        raise ValueError('expected tables, each beginning with [[targets.rules]], with "code" and "action"')
    rules = []
    for number, table in enumerate(value, 1):
        try:
            rules.append(_rule(table))
        except ValueError as error:
            raise ValueError(f"rule {number}: {error}") from None
    return tuple(rules)


def _rule(table: Mapping[str, object]) -> RefusalRule:
    for key in table:
        if key not in _RULE_KEYS:
            raise ValueError(f'unknown key "{quoted(str(key))}"; there are "code" and "action"')
    code, action = (table.get(key) for key in _RULE_KEYS)
    pattern = CodePattern.parse(code if isinstance(code, str) else "")
    if action not in {each.value for each in Action}:
        raise ValueError(f'"action": expected one of {_ACTIONS}')
    return RefusalRule(pattern, Action(action))


def _known(value: object, known: tuple[str, ...], expected: str) -> tuple[str, ...]:
    listed = ", ".join(f'"{name}"' for name in known)
    names = _texts(value, f"expected {expected}: {listed}")
    for name in names:
        if name not in known:
            raise ValueError(f'"{quoted(name)}" is not known; available are {listed}')
    return _without_repetition(names, str)


def _texts(value: object, expected: str) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise ValueError(expected)
    return value


def _without_repetition(values: list[str], same: Callable[[str], str]) -> tuple[str, ...]:
    if len({same(value) for value in values}) != len(values):
        raise ValueError("the same value is given twice")
    return tuple(values)
