"""A mail address as an envelope carries it: local part and domain, parsed strictly.

The domain is compared and kept in lower case and IDNA. The local part is kept as it is, since only its own
server knows what it means. A defective address is refused with the reason. It is never repaired, as it might
become somebody else's (CVE-2023-27043).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import idna

LOCAL_LIMIT = 64
DOMAIN_LIMIT = 253
LABEL_LIMIT = 63
U_LABEL_LIMIT = LABEL_LIMIT - len("xn--")
_ATOM = r'[^\0- "(),.:;<>@\[\\\]\x7f]+'
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_QUOTED = re.compile(r'"(?:[^"\\]|\\[ -~])*"')
_JOINED = re.compile("([^\0-\x7f\u200c\u200d])[\u200c\u200d]")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")


class DefectiveAddress(ValueError):
    """The text is no address for an envelope. The message says why."""


class Address(NamedTuple):
    """`local@domain`, with the domain in its normal form."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def parse_address(text: str) -> Address:
    """Parse one address without a display name or angle brackets. Raises `DefectiveAddress`."""
    local, at, domain = text.strip().rpartition("@")
    if not at:
        raise DefectiveAddress("no @ in it")
    return Address(checked_local(local), normal_domain(domain))


def checked_local(local: str, limit: int = LOCAL_LIMIT) -> str:
    """Return the local part if it is valid. Raises `DefectiveAddress`.

    It must be a dot-atom or a quoted string (RFC 5321 section 4.1.2) of at most `limit` octets, with
    printable characters of any script (RFC 6531 section 3.3).
    """
    if not local:
        raise DefectiveAddress("nothing before the @")
    if len(local.encode("utf-8", "surrogatepass")) > limit:
        raise DefectiveAddress(f"local part longer than {limit} octets")
    if not (is_printable(local) and (_DOT_ATOM.fullmatch(local) or _QUOTED.fullmatch(local))):
        raise DefectiveAddress("local part is neither a dot-atom nor a quoted string")
    return local


def is_dot_atom(local: str) -> bool:
    """Return whether the local part needs no quotation marks."""
    return is_printable(local) and _DOT_ATOM.fullmatch(local) is not None


def is_printable(text: str) -> bool:
    """Return whether all characters are visible.

    Joiners (U+200C, U+200D) are allowed behind the character that they join: many scripts and emoji need
    them.
    """
    return text.isprintable() or _JOINED.sub(r"\1", text).isprintable()


def normal_domain(text: str) -> str:
    """Return the domain in lower case and IDNA 2008, without a final dot. Raises `DefectiveAddress`.

    A name that IDNA would first have to map to other letters is refused: it is not in normal form.
    """
    domain = text.removesuffix(".")
    return checked_domain(domain.lower() if domain.isascii() else _encoded(domain))


def checked_domain(domain: str) -> str:
    """Return the ASCII domain in lower case if it is valid. Raises `DefectiveAddress`."""
    domain = domain.lower()
    if not domain:
        raise DefectiveAddress("nothing after the @")
    if len(domain) > DOMAIN_LIMIT:
        raise DefectiveAddress(f"domain longer than {DOMAIN_LIMIT} octets")
    for label in domain.split("."):
        if len(label) > LABEL_LIMIT or not _LABEL.fullmatch(label):
            raise DefectiveAddress("domain has an invalid label")
    return domain


def _encoded(domain: str) -> str:
    """Return the name with A-labels. Only U+002E separates labels here; IDNA itself knows more dots."""
    if len(domain) > DOMAIN_LIMIT:
        raise DefectiveAddress(f"domain longer than {DOMAIN_LIMIT} octets")
    return ".".join([label if label.isascii() else _a_label(_lower(label)) for label in domain.split(".")])


def _a_label(label: str) -> str:
    """Return the A-label. A label that is too long is refused first.

    The cost of IDNA's context rules grows with the square of the length, and each character takes at least
    one octet.
    """
    if len(label) > U_LABEL_LIMIT:
        raise DefectiveAddress("domain has an invalid label")
    encoded = _encoded_label(label)
    if encoded is None:
        raise DefectiveAddress("domain is no valid international name in its normal form")
    return encoded


@lru_cache(maxsize=4096)
def _encoded_label(label: str) -> str | None:
    """Return the A-label; None for what is no U-label. Cached: a mail to many people names few domains."""
    try:
        return idna.alabel(label).decode("ascii")
    except UnicodeError:
        return None


def _lower(text: str) -> str:
    """Return the text in lower case, except what would become an ASCII letter (the Kelvin sign)."""
    return "".join([c if c.lower().isascii() and not c.isascii() else c.lower() for c in text])
