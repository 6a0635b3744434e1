"""The autoconfig format of Thunderbird, version 1.1: the servers of a mail provider.

It is what a domain's own autoconfig server answers, and what the ISPDB consists of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from shared.autoconfig.candidate import IMAP, POP3, PORTS, Candidate, Way
from shared.autoconfig.xml_tree import Element, Unreadable, parse_xml
from shared.config.urls import host_name
from shared.config.values import HIGHEST_PORT
from shared.model.address import Address
from shared.model.endpoint import Tls

SOCKET_TYPES: Mapping[str, Tls] = MappingProxyType(
    {"ssl": Tls.IMPLICIT, "starttls": Tls.REQUIRED, "plain": Tls.OFF}
)
OAUTH = "oauth2"
LONGEST_USERNAME = 256
MOST_SERVERS = 20
"""Of one document. The ISPDB has at most six."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server as it is written: host and user name may hold placeholders such as `%EMAILADDRESS%`.

    `methods` are its login methods in lower case, the preferred one first.
    """

    protocol: str
    host: str
    port: int
    tls: Tls
    username: str
    methods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """A provider: its name for people, the `domains` of its addresses and mail exchangers, and its servers
    for reading mail in its order of preference.
    """

    name: str
    domains: tuple[str, ...]
    servers: tuple[Server, ...]


def parse_client_config(document: bytes) -> ClientConfig:
    """Read a document. Servers that cannot be understood are left out.

    Raises `Unreadable` if it is not of this format, or names no server.
    """
    root = parse_xml(document)
    provider = next(root.named("emailProvider"), None)
    if root.tag != "clientConfig" or provider is None:
        raise Unreadable("it is no autoconfig document")
    read = [_server(each) for each in provider.named("incomingServer")]
    servers = tuple(each for each in read if each is not None)[:MOST_SERVERS]
    if not servers:
        raise Unreadable("it names no POP3 or IMAP server")
    names = [*provider.texts("displayShortName"), *provider.texts("displayName")]
    domains = tuple(dict.fromkeys(text.lower() for text in provider.texts("domain")))
    return ClientConfig(names[0] if names else "", domains, servers)


def candidates_of(config: ClientConfig, address: Address, way: Way) -> list[Candidate]:
    """Return the servers for one address, in their order; those with an unusable name are left out."""
    found = []
    for server in config.servers:
        host = usable_host(expanded(server.host, address))
        username = expanded(server.username, address)
        if host is None or not is_usable_username(username):
            continue
        found.append(
            Candidate(
                server.protocol,
                host,
                server.port,
                server.tls,
                username,
                way,
                tokens_only=bool(server.methods) and set(server.methods) == {OAUTH},
            )
        )
    return found


def expanded(text: str, address: Address) -> str:
    """Return the text with the placeholders replaced. What replaces one is not looked at again."""
    values = {"EMAILADDRESS": str(address), "EMAILLOCALPART": address.local, "EMAILDOMAIN": address.domain}
    parts = text.split("%")
    made, position = [parts[0]], 1
    while position < len(parts):
        closed = position + 1 < len(parts)
        if closed and parts[position] in values:
            made.append(values[parts[position]] + parts[position + 1])
            position += 2
        else:
            made.append("%" + parts[position])
            position += 1
    return "".join(made)


def usable_host(text: str) -> str | None:
    """Return the name or address of a host in its normal form; None if it is none."""
    try:
        return host_name(text)
    except ValueError:
        return None


def is_usable_username(text: str) -> bool:
    """Return whether the text can be sent as a user name, and shown to people."""
    return 0 < len(text) <= LONGEST_USERNAME and text.isprintable()


def _server(element: Element) -> Server | None:
    protocol = element.attributes.get("type", "").lower()
    tls = SOCKET_TYPES.get(_first(element.texts("socketType")).lower())
    host = _first(element.texts("hostname")).lower()
    if protocol not in {IMAP, POP3} or tls is None or not host:
        return None
    port = _port(_first(element.texts("port")) or str(PORTS[protocol, tls is Tls.IMPLICIT]))
    if port is None:
        return None
    username = _first(element.texts("username")) or "%EMAILADDRESS%"
    methods = tuple(dict.fromkeys(text.lower() for text in element.texts("authentication")))
    # A host is compared in lower case, and the names of placeholders are in capitals.
    return Server(protocol, _with_placeholders(host), port, tls, username, methods)


def _with_placeholders(host: str) -> str:
    return host.replace("%emaildomain%", "%EMAILDOMAIN%")


def _port(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(HIGHEST_PORT))
    return int(text) if is_number and 0 < int(text) <= HIGHEST_PORT else None


def _first(texts: Sequence[str]) -> str:
    return texts[0] if texts else ""
