"""The source of an account: server, protection and login, from the options of fetchmail."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shared.importing.fetchmail.entries import Entry, Option, User
from shared.importing.row_builder import RowBuilder
from shared.model.errors import quoted

SERVICES = {"pop3": 110, "pop-3": 110, "pop3s": 995, "imap": 143, "imap2": 143, "imaps": 993}
BY_PORT = {110: "pop3", 995: "pop3", 143: "imap", 993: "imap"}
TLS_PORTS = frozenset({993, 995})
NO_PROTOCOL = 'it is not said whether the server speaks POP3 or IMAP; write "proto pop3" or "proto imap"'
OTHER_PROTOCOLS = {
    "pop2": "POP2 is not spoken any more",
    "kpop": "Mailferry has no Kerberos",
    "sdps": "Mailferry does not speak SDPS; as POP3 the mailbox works, without the envelope that SDPS tells",
    "rpop": "Mailferry does not speak RPOP",
    "etrn": "ETRN asks a server to send mail; there is no mailbox to fetch from",
    "odmr": "ODMR asks a server to send mail; there is no mailbox to fetch from",
}
METHODS: Mapping[str, list[str] | str] = {
    "any": [],
    "password": [],
    "cram": ["cram-md5"],
    "cram-md5": ["cram-md5"],
    "ntlm": ["ntlm"],
    "msn": ["ntlm"],
    "xoauth2": "an access token is needed; give it with `token_file`",
    "oauthbearer": "an access token is needed; give it with `token_file`",
    "gssapi": "Mailferry has no Kerberos",
    "kerberos": "Mailferry has no Kerberos",
    "otp": "Mailferry has no one-time passwords",
    "opie": "Mailferry has no one-time passwords",
    "ssh": "Mailferry does not connect through SSH",
    "external": "Mailferry has no client certificates",
    "implicit": "Mailferry always logs in",
}
"""What `auth` becomes; a sentence where there is no counterpart."""
OPPORTUNISTIC = (
    'TLS begins only where it is offered; tls = "required" is better. In clear, Mailferry logs in only by '
    "methods that hide the password"
)
_KERBEROS = re.compile(r"kerberos(_v)?[45]")
_STARTTLS = re.compile(r"(?:tls|ssl)", re.IGNORECASE)


def put_server(row: RowBuilder, entry: Entry, options: Mapping[str, Option]) -> str | None:
    """Set the URL of the source; return its scheme, None where the protocol is not known."""
    via = options.get("via")
    host, line, named = (via.value, via.line, "via") if via else (entry.name, entry.line, "poll")
    port = _port(row, options)
    protocol = _protocol(row, entry, options, port)
    if protocol is None:
        return None
    ssl = options.get("ssl")
    scheme = protocol + "s" if ssl is not None and ssl.on else protocol
    row.put_source(scheme, host, port, line, named)
    return scheme


def _port(row: RowBuilder, options: Mapping[str, Option]) -> int | None:
    given = [each for name in ("port", "service") if (each := options.get(name)) is not None]
    if not given:
        return None
    option = max(given, key=lambda each: each.line)
    port = int(option.value) if option.value.isdecimal() else SERVICES.get(option.value.lower())
    if port is None:
        row.block(
            option.line,
            option.name,
            f'the port of the service "{quoted(option.value)}" is not known; write its number',
        )
    return port


def _protocol(row: RowBuilder, entry: Entry, options: Mapping[str, Option], port: int | None) -> str | None:
    proto = options.get("proto")
    word = proto.value.lower() if proto is not None else "auto"
    line = proto.line if proto is not None else entry.line
    if word == "apop":
        row.put("auth", ["apop"], line, "proto")
        return "pop3"
    if word in {"pop3", "imap"}:
        return word
    if word == "auto" and port in BY_PORT:
        return BY_PORT[port]
    if word == "auto":
        row.block(line, "proto", NO_PROTOCOL)
    else:
        row.block(line, "proto", OTHER_PROTOCOLS.get(word, f'there is no protocol "{quoted(word)}"'))
    return None


def put_tls(row: RowBuilder, options: Mapping[str, Option], scheme: str | None) -> None:
    """Set how the connection is protected.

    Without `ssl` and `sslproto`, fetchmail begins TLS where the server offers it; with a version of TLS in
    `sslproto`, TLS is needed, and with "" it is not used.
    """
    version = options.get("sslproto")
    if scheme in {"pop3", "imap"}:
        if version is None or version.value.lower() == "auto":
            row.put("tls", "wanted", row.line, "no ssl")
            row.note(row.line, "no ssl", OPPORTUNISTIC)
        elif version.value == "":
            row.put("tls", "off", version.line, "sslproto")
        elif _STARTTLS.match(version.value):
            row.put("tls", "required", version.line, "sslproto")
        source = str(row.get("source"))
        if source.rpartition(":")[2] in map(str, TLS_PORTS):
            row.note(row.line, "no ssl", "servers begin with TLS on this port, which needs `ssl`")
    if version is not None and version.value.lower() not in {"", "auto"}:
        row.note(
            version.line, "sslproto", "the version is chosen by the server and Mailferry, TLS 1.2 at least"
        )
    _put_trust(row, options)


def _put_trust(row: RowBuilder, options: Mapping[str, Option]) -> None:
    check, file, mark = (options.get(name) for name in ("sslcertck", "sslcertfile", "sslfingerprint"))
    unchecked = check is not None and not check.on
    if unchecked and check is not None:
        row.put("tls_verify", False, check.line, "no sslcertck")
    if mark is not None:
        sentence = "it is an MD5 fingerprint; `tls_pin` takes one of SHA-256"
        say = row.block if unchecked else row.note
        say(mark.line, "sslfingerprint", sentence + ("" if unchecked else ". The certificate is checked"))
    if file is None:
        return
    if unchecked:
        row.note(file.line, "sslcertfile", "it has no effect, as the certificate is not checked")
    else:
        row.put("ca_file", file.value, file.line, "sslcertfile")


def put_login(row: RowBuilder, user: User, options: Mapping[str, Option], scheme: str | None) -> None:
    """Set user name, password and method."""
    if user.remote:
        row.put("username", user.remote, user.line, "user")
    else:
        row.block(user.line, "user", "the user name at the server is missing")
    password, file, auth = (options.get(name) for name in ("password", "passwordfile", "auth"))
    if password is None and file is not None:
        row.put("password_file", file.value, file.line, "passwordfile")
    elif password is not None:
        row.put_password(password.value, password.line, "password")
    else:
        row.block(user.line, "password", "there is no password; fetchmail has it from .netrc, or asks for it")
    if auth is None:
        return
    method = METHODS.get(_KERBEROS.sub("kerberos", auth.value.lower()))
    if isinstance(method, list):
        if method:
            row.put("auth", method, auth.line, "auth")
    else:
        row.block(auth.line, "auth", method or f'there is no method "{quoted(auth.value)}"')
