"""Parses the URLs of mail servers, strictly: scheme, user name, password, host and port.

User name and password are percent-decoded, so that they can contain spaces, quotes, `%` and `@`. No error
repeats the URL, since it may contain a password.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from pydantic import SecretStr

from shared.config.values import HIGHEST_PORT
from shared.model.address import DefectiveAddress, normal_domain
from shared.model.errors import quoted
from shared.model.file_url import path_in_url, percent_decoded

SOURCE_PORTS = {"pop3": 110, "pop3s": 995, "imap": 143, "imaps": 993}
TARGET_PORTS = {"smtp": 25, "smtps": 465, "lmtp": 24, "mx": 25}
SOURCE_PROTOCOLS = ("pop3", "imap")
"""Each may stand alone in place of a URL where an account has a provider."""
UNIX_SOCKET = "lmtp+unix"
EXAMPLE_SOCKET = f"{UNIX_SOCKET}:///run/dovecot/lmtp"

_PARTS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:(?P<user>[^/?#]*)@)?(?P<place>[^/?#@]*)(?P<rest>.*)"
)
_PLACE = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>[^:]*))?")


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """A mail server. The port is the default of the scheme if the URL has none.

    `unix_path` is the path of a Unix socket, for the scheme of one.
    """

    scheme: str
    host: str
    port: int
    username: str | None = None
    password: SecretStr | None = field(default=None, repr=False)
    unix_path: str | None = None


def source_url(value: object) -> ServerUrl:
    """Parse the URL of a source. Raises ValueError with a sentence."""
    if (alone := protocol_alone(value)) is not None:
        name = alone.upper()
        raise ValueError(
            f'{name} alone needs a "provider" that has {name}; `mailferry providers` lists them. Without '
            f'one, write the server: "{alone}s://{alone.rstrip("3")}.isp.example"'
        )
    return _server_url(value, SOURCE_PORTS)


def protocol_of(scheme: str) -> str:
    """Return the protocol of a URL's scheme, which has one more letter where TLS begins at once."""
    return scheme.removesuffix("s")


def protocol_alone(source: object) -> str | None:
    """Return the protocol where `source` names one, in any case, and no server."""
    word = source.lower() if isinstance(source, str) else ""
    return word if word in SOURCE_PROTOCOLS else None


def protocol_in(source: object) -> str | None:
    """Return the protocol that `source` names, alone or by the scheme of a URL; None if it names none."""
    scheme, _, _ = source.lower().partition("://") if isinstance(source, str) else ("", "", "")
    return protocol_alone(protocol_of(scheme))


def target_url(value: object) -> ServerUrl:
    """Parse the URL of a target. Raises ValueError with a sentence."""
    if isinstance(value, str) and value.lower().startswith(f"{UNIX_SOCKET}:"):
        return _unix_url(value)
    return _server_url(value, TARGET_PORTS)


def _unix_url(value: str) -> ServerUrl:
    parts = _PARTS.fullmatch(value)
    if not parts or parts["place"] or parts["user"] is not None or not parts["rest"].startswith("/"):
        raise ValueError(f"expected a path from the root, such as {EXAMPLE_SOCKET}")
    path = path_in_url(f"{UNIX_SOCKET}:{parts['rest']}", f"{UNIX_SOCKET}:", EXAMPLE_SOCKET)
    return ServerUrl(UNIX_SOCKET, "localhost", 0, unix_path=path)


def without_url_password(url: str) -> tuple[str, SecretStr] | None:
    """Return a valid URL of a server without its password, and the password; None where it has none."""
    parts = _PARTS.fullmatch(url)
    user, colon, password = (parts["user"] or "").partition(":") if parts else ("", "", "")
    if parts is None or not colon:
        return None
    bare = f"{parts['scheme']}://{user}@{parts['place']}{parts['rest']}"
    return bare, SecretStr(percent_decoded(password, "password"))


def host_name(value: object) -> str:
    """Parse the name or address of a host as in a URL, without brackets. Raises ValueError."""
    text = value if isinstance(value, str) else ""
    return _ipv6(text) if ":" in text else _host(text)


def _server_url(value: object, ports: dict[str, int]) -> ServerUrl:
    example = f"{next(iter(ports))}://host.example"
    if not isinstance(value, str) or not (parts := _PARTS.fullmatch(value)):
        raise ValueError(f'expected a URL such as "{example}"')
    available = " and ".join(", ".join(ports).rsplit(", ", 1))
    scheme = parts["scheme"].lower()
    if scheme not in ports:
        raise ValueError(f'the scheme "{quoted(scheme)}" is not known; available are {available}')
    if parts["rest"] not in ("", "/"):
        raise ValueError(
            "nothing may follow host and port; within a user name or password write / as %2F, "
            "? as %3F and # as %23"
        )
    host, port = _host_and_port(parts["place"], ports[scheme])
    username, password = _user_part(parts["user"])
    return ServerUrl(scheme, host, port, username, password)


def _host_and_port(place: str, default: int) -> tuple[str, int]:
    match = _PLACE.fullmatch(place)
    if not match:
        raise ValueError("host and port cannot be read; an IPv6 address stands in [ ]")
    host = _ipv6(match["v6"]) if match["v6"] is not None else _host(match["host"])
    if match["port"] is None:
        return host, default
    digits = match["port"]
    if not (digits.isascii() and digits.isdigit() and 1 <= int(digits[:6]) <= HIGHEST_PORT):
        raise ValueError(f"the port must be a number from 1 to {HIGHEST_PORT}")
    return host, int(digits)


def _ipv6(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise ValueError("there is no valid IPv6 address between [ and ]") from None


def _host(text: str) -> str:
    if not text:
        raise ValueError("the host is missing")
    try:
        return normal_domain(text)
    except DefectiveAddress as defect:
        raise ValueError(f"the host is not valid: {str(defect).replace('domain', 'the name')}") from None


def _user_part(text: str | None) -> tuple[str | None, SecretStr | None]:
    if text is None:
        return None, None
    user, colon, password = text.partition(":")
    return percent_decoded(user, "user name"), SecretStr(
        percent_decoded(password, "password")
    ) if colon else None
