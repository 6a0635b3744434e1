"""Reads a configuration file of getmail6, which is about one account."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from shared.importing.getmail.file import YES, File
from shared.importing.getmail.left_out import (
    NO_COMMANDS,
    OPTIONS_KNOWN,
    OPTIONS_LEFT_OUT,
    RETRIEVER_KNOWN,
    RETRIEVER_LEFT_OUT,
    UNKNOWN,
)
from shared.importing.ini import Value, sections
from shared.importing.result import Choices, Finding, Import, UnreadableImport
from shared.importing.row_builder import RowBuilder
from shared.importing.text import decoded
from shared.model.account import KEEP
from shared.model.errors import quoted

_TYPE = re.compile(r"(Simple|BrokenUIDL|Multidrop)(POP3|IMAP|SDPS)(SSL)?Retriever")
NAME = re.compile(r"[^*%!\\\"]+")
IN_CLEAR = 'getmail logs in in clear; write tls = "required" if the server has STARTTLS or STLS'
UNCHECKED = (
    "getmail checks no certificate without `ca_certs`; Mailferry checks it by the system's authorities"
)
NO_DOMAIN = (
    "getmail does not know the domains of a multidrop mailbox; say with --domain which one it has mail for"
)
NO_RECIPIENT = "getmail delivers to files and programs; say with --recipient who gets the mail"
NO_TARGET = "getmail delivers to files and programs; say with --target where Mailferry delivers"


@dataclass(frozen=True, slots=True)
class _Retriever:
    """What the type of a retriever says."""

    protocol: str
    ssl: bool
    multidrop: bool

    @property
    def scheme(self) -> str:
        return self.protocol + ("s" if self.ssl else "")


def read_getmailrc(content: bytes, choices: Choices) -> Import:
    """Read a configuration file of getmail. Raises `UnreadableImport`."""
    text, findings = decoded(content)
    file = File(sections(text))
    if "retriever" not in file.sections:
        raise UnreadableImport(1, "there is no section [retriever]")
    row = RowBuilder(file.sections["retriever"].line, choices)
    retriever = _retriever(file, row)
    if retriever is not None:
        _put_source(file, row, retriever)
        _put_folders(file, row, retriever)
        _put_recipients(file, row, retriever)
    _put_login(file, row)
    _put_retention(file, row)
    _put_target(file, row)
    _say_what_is_left_out(file, row)
    return Import([row.finish()], (*findings, *_about_sections(file)))


def _retriever(file: File, row: RowBuilder) -> _Retriever | None:
    written = file.text("retriever", "type")
    line = file.line("retriever", "type")
    match = _TYPE.fullmatch(written)
    if match is None:
        row.block(line, "type", f'there is no retriever "{quoted(written, 60)}"')
        return None
    if match[2] == "SDPS":
        row.block(
            line, "type", "Mailferry does not speak SDPS; as POP3 the mailbox works, without its envelope"
        )
        return None
    if match[1] == "BrokenUIDL" and file.text("options", "delete").lower() not in YES:
        row.note(line, "type", "without unique ids no copy can be left at the source; see `retention`")
    return _Retriever(match[2].lower(), match[3] is not None, match[1] == "Multidrop")


def _put_source(file: File, row: RowBuilder, retriever: _Retriever) -> None:
    server, line = file.text("retriever", "server"), file.line("retriever", "server")
    port = file.number("retriever", "port")
    if server:
        row.put_source(retriever.scheme, server, port or None, line, "server")
    else:
        row.block(line, "server", "the server is missing")
    if timeout := file.number("retriever", "timeout"):
        row.put("timeout", timeout, file.line("retriever", "timeout"), "timeout")
    if not retriever.ssl:
        row.put("tls", "off", file.line("retriever", "type"), "type")
        row.note(file.line("retriever", "type"), "type", IN_CLEAR)
        return
    pins = file.texts("retriever", "ssl_fingerprints")
    authorities = file.value("retriever", "ca_certs")
    if pins:
        row.put(
            "tls_pin",
            f"sha256:{pins[0].lower()}",
            file.line("retriever", "ssl_fingerprints"),
            "ssl_fingerprints",
        )
        if len(pins) > 1:
            row.note(
                file.line("retriever", "ssl_fingerprints"), "ssl_fingerprints", "only the first one counts"
            )
    elif authorities is not None:
        row.put("ca_file", authorities.text, authorities.line, "ca_certs")
    else:
        row.note(file.line("retriever", "type"), "type", UNCHECKED)


def _put_login(file: File, row: RowBuilder) -> None:
    username, password = file.value("retriever", "username"), file.value("retriever", "password")
    command = file.value("retriever", "password_command")
    if username is not None:
        row.put("username", username.text, username.line, "username")
    else:
        row.block(file.line("retriever"), "username", "the user name is missing")
    if file.is_on("retriever", "use_xoauth2"):
        line = file.line("retriever", "use_xoauth2")
        row.block(line, "use_xoauth2", "an access token is needed; give it with `token_file`")
    elif file.is_on("retriever", "use_kerberos"):
        row.block(file.line("retriever", "use_kerberos"), "use_kerberos", "Mailferry has no Kerberos")
    elif password is not None:
        row.put_password(password.text, password.line, "password")
    elif command is not None:
        row.block(
            command.line, "password_command", f"{NO_COMMANDS}; write the password into a `password_file`"
        )
    else:
        row.put_password(None, file.line("retriever"), "password")
    if file.is_on("retriever", "use_apop"):
        row.put("auth", ["apop"], file.line("retriever", "use_apop"), "use_apop")


def _put_folders(file: File, row: RowBuilder, retriever: _Retriever) -> None:
    if retriever.protocol != "imap":
        return
    boxes, line = file.value("retriever", "mailboxes"), file.line("retriever", "mailboxes")
    if boxes is not None and boxes.text == "ALL":
        row.put("folders", ["*"], line, "mailboxes")
    elif boxes is not None:
        names = file.texts("retriever", "mailboxes")
        if not all(NAME.fullmatch(name) for name in names):
            row.block(line, "mailboxes", "a name has a sign with a meaning in `folders`; write it by hand")
        elif names:
            row.put("folders", names, line, "mailboxes")
            row.note(
                line,
                "mailboxes",
                "levels of a folder are separated by / in `folders`, whatever the server uses",
            )
    move = file.value("retriever", "move_on_delete")
    if move is not None and file.is_on("options", "delete"):
        row.put("removal", f"move:{move.text}", move.line, "move_on_delete")
    elif move is not None:
        row.note(move.line, "move_on_delete", "without `delete` getmail moves nothing")
    peek = file.value("retriever", "use_peek")
    seen = file.is_on("options", "mark_read")
    if seen or (peek is not None and not file.is_on("retriever", "use_peek")):
        section, name = ("options", "mark_read") if seen else ("retriever", "use_peek")
        row.put("mark_seen", True, file.line(section, name), name)


def _put_recipients(file: File, row: RowBuilder, retriever: _Retriever) -> None:
    destination = file.text("destination", "type")
    override = file.text("destination", "override")
    if retriever.multidrop:
        line = file.line("retriever", "envelope_recipient")
        row.put("mailbox", "catch-all", file.line("retriever", "type"), "type")
        if row.choices.domain is not None:
            row.put("domains", {row.choices.domain: KEEP}, line, "--domain")
        else:
            row.block(file.line("retriever", "type"), "type", NO_DOMAIN)
        if field := file.value("retriever", "envelope_recipient"):
            row.put("recipient_headers", [re.sub(r"\s*:\s*", ":", field.text)], line, "envelope_recipient")
        return
    line = file.line("destination", "type")
    if row.choices.recipient is not None:
        row.put_recipient(row.choices.recipient, line, "--recipient")
    elif destination == "MDA_lmtp" and "@" in override:
        row.put_recipient(override, file.line("destination", "override"), "override")
    else:
        row.put("mailbox", "single", line, "type")
        row.block(line, "destination", NO_RECIPIENT)


def _put_retention(file: File, row: RowBuilder) -> None:
    days = file.number("options", "delete_after")
    if file.is_on("options", "delete"):
        row.put_retention("delete", file.line("options", "delete"), "delete")
        if days:
            row.note(file.line("options", "delete_after"), "delete_after", "`delete` goes before it")
    elif days:
        row.put_retention(f"{days}d", file.line("options", "delete_after"), "delete_after")
    else:
        row.put_retention("keep", file.line("options", "delete"), "delete")
    for name, key in (
        ("max_message_size", "max_size"),
        ("max_messages_per_session", "max_messages"),
        ("max_bytes_per_session", "max_bytes"),
    ):
        if number := file.number("options", name):
            row.put(key, number, file.line("options", name), name)


def _put_target(file: File, row: RowBuilder) -> None:
    kind, line = file.text("destination", "type"), file.line("destination", "type")
    if row.choices.target is not None:
        row.note(
            line,
            "destination",
            f'"{quoted(kind, 40)}" is left out; mail goes to the target that --target names',
        )
        return
    host = file.text("destination", "host")
    if kind != "MDA_lmtp" or not host:
        row.block(line, "destination", NO_TARGET)
    elif host.startswith("/"):
        row.put_target(f"lmtp+unix://{quote(host)}", file.line("destination", "host"), "host")
    else:
        port = file.number("destination", "port")
        row.put_target(
            f"lmtp://{host}" + (f":{port}" if port else ""), file.line("destination", "host"), "host"
        )


def _say_what_is_left_out(file: File, row: RowBuilder) -> None:
    for name, value in file.sections["retriever"].options.items():
        if name in RETRIEVER_LEFT_OUT:
            sentence, blocks = RETRIEVER_LEFT_OUT[name]
            (row.block if blocks else row.note)(value.line, name, sentence)
        elif name not in RETRIEVER_KNOWN:
            row.note(value.line, name, UNKNOWN)
    for name, value in _options(file, "options").items():
        if sentence := OPTIONS_LEFT_OUT.get(name, "" if name in OPTIONS_KNOWN else UNKNOWN):
            row.note(value.line, name, sentence)
    if file.is_on("options", "use_netrc"):
        line = file.line("options", "use_netrc")
        row.note(
            line, "use_netrc", "Mailferry reads no .netrc; user name and password must be in the account"
        )


def _options(file: File, section: str) -> Mapping[str, Value]:
    return file.sections[section].options if section in file.sections else {}


def _about_sections(file: File) -> Sequence[Finding]:
    """Return findings about filters and further destinations, which have no counterpart."""
    findings = []
    for name, section in file.sections.items():
        if name.startswith("filter"):
            findings.append(
                Finding(section.line, f"[{name}]", f"{NO_COMMANDS}, so mail passes through no filter")
            )
        elif name not in {"retriever", "destination", "options"}:
            findings.append(
                Finding(
                    section.line, f"[{name}]", "the target sorts mail to its mailboxes, so this is left out"
                )
            )
    return findings
