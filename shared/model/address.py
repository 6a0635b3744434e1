"""A mail address as an envelope carries it: local part and domain, strict in what it accepts.

The domain is compared and kept in lower case and IDNA; the local part is left as it is, since only its own
server knows what it means. An address with a defect is refused with the reason, never repaired into somebody
else's (CVE-2023-27043).
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
    """The text is no address that can be put into an envelope; the message says why."""


class Address(NamedTuple):
    """`local@domain`, the domain normalised."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def parse_address(text: str) -> Address:
    """The one address in `text`, without a display name or angle brackets. Raises `DefectiveAddress`."""
    local, at, domain = text.strip().rpartition("@")
    if not at:
        raise DefectiveAddress("no @ in it")
    return Address(checked_local(local), normal_domain(domain))


def checked_local(local: str, limit: int = LOCAL_LIMIT) -> str:
    """The local part, if it is a dot-atom or a quoted string (RFC 5321 section 4.1.2) of at most `limit`
    octets, of printable signs in any script (RFC 6531 section 3.3). Raises `DefectiveAddress`.
    """
    if not local:
        raise DefectiveAddress("nothing before the @")
    if len(local.encode("utf-8", "surrogatepass")) > limit:
        raise DefectiveAddress(f"local part longer than {limit} octets")
    if not (is_printable(local) and (_DOT_ATOM.fullmatch(local) or _QUOTED.fullmatch(local))):
        raise DefectiveAddress("local part is neither a dot-atom nor a quoted string")
    return local


def is_dot_atom(local: str) -> bool:
    """Whether the local part needs no quotation marks."""
    return is_printable(local) and _DOT_ATOM.fullmatch(local) is not None


def is_printable(text: str) -> bool:
    """Whether all of it can be seen, but for the joiners (U+200C, U+200D) with which many scripts, and emoji,
    are written: those follow what they join.
    """
    return text.isprintable() or _JOINED.sub(r"\1", text).isprintable()


def normal_domain(text: str) -> str:
    """The domain in lower case and IDNA 2008, without a final dot. Raises `DefectiveAddress`.

    A name in letters that IDNA would first have to map to others is refused: it is not the normal form.
    """
    domain = text.removesuffix(".")
    return checked_domain(domain.lower() if domain.isascii() else _encoded(domain))


def checked_domain(domain: str) -> str:
    """The domain in lower case, if it is one in ASCII. Raises `DefectiveAddress`."""
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
    """The A-labels of an international name. Only U+002E divides labels; IDNA itself knows more dots."""
    if len(domain) > DOMAIN_LIMIT:
        raise DefectiveAddress(f"domain longer than {DOMAIN_LIMIT} octets")
    return ".".join([label if label.isascii() else _a_label(_lower(label)) for label in domain.split(".")])


def _a_label(label: str) -> str:
    """A sign takes an octet at least, so that too long a label is refused without a look at it: what the
    rules for neighbours cost grows with the square of its length.
    """
    if len(label) > U_LABEL_LIMIT:
        raise DefectiveAddress("domain has an invalid label")
    encoded = _encoded_label(label)
    if encoded is None:
        raise DefectiveAddress("domain is no valid international name in its normal form")
    return encoded


@lru_cache(maxsize=4096)
def _encoded_label(label: str) -> str | None:
    """None for what is no U-label. A mail that names many people names few domains."""
    try:
        return idna.alabel(label).decode("ascii")
    except UnicodeError:
        return None


def _lower(text: str) -> str:
    """In lower case, save for signs (the Kelvin sign) that would become an ASCII letter."""
    return "".join([c if c.lower().isascii() and not c.isascii() else c.lower() for c in text])
