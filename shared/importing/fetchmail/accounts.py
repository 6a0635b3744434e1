"""Makes accounts of a run control file: the counterpart of each option, or a finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.importing.fetchmail import left_out
from shared.importing.fetchmail.delivery import put_target
from shared.importing.fetchmail.entries import Entry, Option, RunControl, User
from shared.importing.fetchmail.parser import parse
from shared.importing.fetchmail.recipients import put_recipients
from shared.importing.fetchmail.source import put_login, put_server, put_tls
from shared.importing.result import Choices, Finding, Import, ImportedRow
from shared.importing.row_builder import RowBuilder, with_unique_names
from shared.importing.text import decoded
from shared.model.duration import written
from shared.model.errors import quoted

SHORTEST_POLL = 1
UNKNOWN = (
    "is not known as an option of fetchmail, nor what follows it; find out what it does before you go on"
)
READ_MAIL = "fetchmail left mail that was read by somebody; Mailferry fetches it, too (see `begin`)"
NO_FOLDER_SIGNS = '*%!\\"'


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One user at one server, with the options of both, those of `defaults` included."""

    entry: Entry
    user: User
    options: Mapping[str, Option]
    file: RunControl


def read_fetchmailrc(content: bytes, choices: Choices) -> Import:
    """Read a run control file of fetchmail. Raises `UnreadableImport`."""
    text, findings = decoded(content)
    file = parse(text)
    rows = with_unique_names([_row(each, choices) for each in _mailboxes(file)])
    return Import(rows, (*findings, *_about_file(file)))


def _mailboxes(file: RunControl) -> Iterator[Mailbox]:
    defaults = file.defaults or Entry(0, "defaults")
    default_user = defaults.users[0] if defaults.users else User(0)
    for entry in file.entries:
        for user in entry.users or [User(entry.line)]:
            options = {**defaults.options, **default_user.options, **entry.options, **user.options}
            yield Mailbox(entry, _with_defaults(user, default_user), options, file)


def _with_defaults(user: User, default: User) -> User:
    names = user.local or user.wildcard
    return User(
        user.line,
        user.remote or default.remote,
        user.local if names else default.local,
        user.wildcard if names else default.wildcard,
        user.options,
    )


def _row(mailbox: Mailbox, choices: Choices) -> ImportedRow:
    row = RowBuilder(mailbox.user.line, choices)
    options = mailbox.options
    scheme = put_server(row, mailbox.entry, options)
    put_tls(row, options, scheme)
    put_login(row, mailbox.user, options, scheme)
    _put_reading(row, options, scheme)
    _put_retention(row, options, scheme)
    put_recipients(row, mailbox.entry, mailbox.user, options, mailbox.file.options.get("postmaster"))
    put_target(row, options)
    _put_poll(row, mailbox)
    if not mailbox.entry.polled:
        row.put("enabled", False, mailbox.entry.line, "skip")
    _say_what_is_left_out(row, mailbox)
    return row.finish()


def _put_reading(row: RowBuilder, options: Mapping[str, Option], scheme: str | None) -> None:
    """Set timeouts, limits, folders and IDLE. fetchmail's limit of 0 is no limit, as ours is."""
    for name, key in (("timeout", "timeout"), ("limit", "max_size"), ("fetchlimit", "max_messages")):
        option = options.get(name)
        if option is not None and int(option.value) > 0:
            row.put(key, int(option.value), option.line, name)
    is_imap = scheme in {"imap", "imaps"}
    idle, folder = options.get("idle"), options.get("folder")
    if idle is not None and idle.on:
        if is_imap:
            row.put("watch", "idle", idle.line, "idle")
        else:
            row.note(idle.line, "idle", "it has no effect with POP3")
    if folder is not None and not is_imap:
        row.note(folder.line, "folder", "it has no effect with POP3")
    elif folder is not None:
        _put_folders(row, folder)


def _put_folders(row: RowBuilder, option: Option) -> None:
    for name in option.values:
        if any(sign in name for sign in NO_FOLDER_SIGNS):
            sentence = f'"{quoted(name)}" has a sign with a meaning in `folders`; write the folder by hand'
            row.block(option.line, "folder", sentence)
            return
    row.put("folders", list(option.values), option.line, "folder")
    if any("." in name for name in option.values):
        row.note(
            option.line,
            "folder",
            "levels of a folder are separated by / in `folders`, whatever the server uses",
        )


def _put_retention(row: RowBuilder, options: Mapping[str, Option], scheme: str | None) -> None:
    keep = options.get("keep")
    fetchall = options.get("fetchall")
    everything = fetchall is not None and fetchall.on
    if keep is None or not keep.on:
        row.put_retention("delete", *((keep.line, "no keep") if keep else (row.line, "no keep")))
        if scheme in {"imap", "imaps"} and not everything:
            row.note(row.line, "no fetchall", READ_MAIL)
        return
    row.put_retention("keep", keep.line, "keep")
    if everything and fetchall is not None:
        row.note(fetchall.line, "fetchall", "Mailferry delivers a kept mail once, and not at each visit")


def _put_poll(row: RowBuilder, mailbox: Mailbox) -> None:
    """Set the interval: fetchmail's own in seconds, times the `interval` of the server."""
    daemon, interval = mailbox.file.options.get("daemon"), mailbox.options.get("interval")
    every = int(interval.value) if interval is not None else 1
    if daemon is not None and int(daemon.value) >= SHORTEST_POLL and every > 0:
        by = interval or daemon
        row.put("poll", written(float(int(daemon.value) * every)), by.line, by.name)
    elif interval is not None:
        row.note(
            interval.line,
            "interval",
            "without `set daemon` it is not known how long an interval is; see `poll`",
        )


def _say_what_is_left_out(row: RowBuilder, mailbox: Mailbox) -> None:
    for option in mailbox.options.values():
        about = left_out.ENTRY.get(option.name)
        sentence = left_out.sentence_about(about, option) if about is not None else None
        if about is None or sentence is None:
            continue
        say = row.block if about.blocks and option.on else row.note
        say(option.line, option.name if option.on else f"no {option.name}", sentence)
    for option in mailbox.entry.unknown:
        row.block(option.line, option.name, UNKNOWN)
    for option in mailbox.file.defaults.unknown if mailbox.file.defaults else ():
        row.block(option.line, option.name, UNKNOWN)


def _about_file(file: RunControl) -> Iterator[Finding]:
    for option in file.options.values():
        about = left_out.GLOBAL.get(option.name)
        sentence = left_out.sentence_about(about, option) if about is not None else None
        if sentence is not None:
            yield Finding(option.line, f"set {'' if option.on else 'no '}{option.name}", sentence)
    for option in file.unknown:
        yield Finding(option.line, option.name, UNKNOWN, blocks=True)
