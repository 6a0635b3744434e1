"""Reads the sync jobs of mailcow, as its API lists them (`/api/v1/get/syncjobs/all`), in JSON.

A sync job copies folders by imapsync. Mailferry delivers mail to the target instead; it copies no folders and
no flags, and findings say so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from shared.importing.result import Choices, Finding, Import, ImportedRow, UnreadableImport
from shared.importing.row_builder import RowBuilder, with_unique_names
from shared.importing.text import decoded
from shared.model.duration import written
from shared.model.errors import quoted

NO_CREDENTIALS = (
    "the API leaves passwords out; add `password1` to each job, from the table `imapsync` of mailcow"
)
SILENT = frozenset(
    {
        *("id", "host1", "port1", "enc1", "user1", "password1", "authmech1", "timeout1", "mins_interval"),
        *("user2", "domain2", "subfolder2", "exclude", "maxage", "delete1", "custom_params", "active"),
        *("created", "modified", "last_run", "is_running", "success", "exit_status", "returned_text", "log"),
    }
)
"""Fields that have a counterpart, or tell of a job's state only."""
LEFT_OUT: Mapping[str, str] = {
    "delete2": "Mailferry deletes nothing at the target",
    "delete2duplicates": "Mailferry deletes nothing at the target; it delivers no mail twice",
    "automap": "Mailferry delivers mail; it does not copy folders. See `folder_recipients`",
    "skipcrossduplicates": "a mail in two folders is delivered to a recipient once, in any case",
    "maxbytespersecond": "Mailferry limits no rate; see `max_bytes` and `max_messages`",
    "subscribeall": "Mailferry subscribes no folders",
    "timeout2": "the target has time limits of its own",
    "regextrans2": "Mailferry delivers mail; it does not rename folders",
    "authmd51": "login methods are chosen by what the server offers",
    "dry": "use --dry-run",
}
HARMLESS = frozenset({"", "0", "none", "null", "[]"})
FOLDERS = "only INBOX is fetched; the job copied all folders but those in `exclude`. See `folders`"
ENCRYPTION: Mapping[str, tuple[str, str | None]] = {
    "ssl": ("imaps", None),
    "tls": ("imap", "required"),
    "plain": ("imap", "off"),
}


def read_mailcow(content: bytes, choices: Choices) -> Import:
    """Read sync jobs. Raises `UnreadableImport`."""
    text, findings = decoded(content)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableImport(error.lineno, f"this is no JSON: {error.msg}") from None
    except (RecursionError, ValueError):
        raise UnreadableImport(1, "this is no JSON of sync jobs") from None
    jobs = data if isinstance(data, list) else [data]
    if not all(isinstance(job, dict) and ("user1" in job or "host1" in job) for job in jobs):
        raise UnreadableImport(1, "expected a list of sync jobs, each with host1 and user1")
    lines = _lines(text, len(jobs))
    rows = [_row(job, line, choices) for job, line in zip(jobs, lines, strict=True)]
    if any("password1" not in job for job in jobs):
        findings.append(Finding(1, "password1", NO_CREDENTIALS))
    return Import(with_unique_names(rows), findings)


def _lines(text: str, jobs: int) -> list[int]:
    """Return the line of each job: where its host is, as long as every job names one just once."""
    found = [text.count("\n", 0, match.start()) + 1 for match in re.finditer(r'"host1"\s*:', text)]
    return found if len(found) == jobs else [1] * jobs


def _row(job: Mapping[str, Any], line: int, choices: Choices) -> ImportedRow:
    row = RowBuilder(line, choices)
    _put_source(row, job, line)
    row.put("username", _text(job.get("user1")), line, "user1")
    row.put_password(_text(job.get("password1")), line, "password1")
    recipient = _text(job.get("user2"))
    if recipient:
        row.put_recipient(recipient, line, "user2")
    else:
        row.put("mailbox", "single", line, "user2")
        row.block(line, "user2", "the recipient is missing")
    _put_times(row, job, line)
    row.put_retention("delete" if _is_on(job.get("delete1")) else "keep", line, "delete1")
    if not _is_on(job.get("active", "1")):
        row.put("enabled", False, line, "active")
    if choices.target is None:
        row.block(line, "target", "name the server of the recipients by --target")
    _say_what_is_left_out(row, job, line)
    return row.finish()


def _put_source(row: RowBuilder, job: Mapping[str, Any], line: int) -> None:
    host, port, encryption = (_text(job.get(name)) for name in ("host1", "port1", "enc1"))
    known = ENCRYPTION.get(encryption.lower() or "tls")
    if not host:
        row.block(line, "host1", "the server is missing")
        return
    if known is None:
        row.block(line, "enc1", f'"{quoted(encryption, 40)}" is not known; there are SSL, TLS and PLAIN')
        return
    if port and not (port.isascii() and port.isdigit()):
        row.block(line, "port1", "it is no number")
        return
    scheme, tls = known
    row.put_source(scheme, host, int(port) if port else None, line, "host1")
    if tls is not None:
        row.put("tls", tls, line, "enc1")


def _put_times(row: RowBuilder, job: Mapping[str, Any], line: int) -> None:
    for name, key, seconds in (("mins_interval", "poll", 60), ("timeout1", "timeout", 1)):
        value = _text(job.get(name))
        if value.isascii() and value.isdigit() and 0 < int(value) < 10**6:
            row.put(key, written(float(int(value) * seconds)), line, name)


def _say_what_is_left_out(row: RowBuilder, job: Mapping[str, Any], line: int) -> None:
    row.note(line, "folders", FOLDERS)
    if (days := _text(job.get("maxage"))) not in HARMLESS and "begin" not in row:
        row.note(
            line,
            "maxage",
            f"the job copied mail of the last {quoted(days, 20)} days; see --begin with a date",
        )
    if _text(job.get("subfolder2")) not in HARMLESS:
        row.note(
            line,
            "subfolder2",
            "mail goes to the recipient's INBOX; see `folder_header` and `folder_recipients`",
        )
    if params := _text(job.get("custom_params")):
        row.note(line, "custom_params", f'options of imapsync have no counterpart: "{quoted(params, 100)}"')
    if _text(job.get("authmech1")).upper() == "XOAUTH2":
        row.block(line, "authmech1", "an access token is needed; give it with `token_file`")
    for name, value in job.items():
        if name in LEFT_OUT and _text(value).lower() not in HARMLESS:
            row.note(line, name, LEFT_OUT[name])
        elif name not in SILENT and name not in LEFT_OUT and not name.startswith("source_"):
            row.note(line, name, "this field is not known, so it is left out")


def _text(value: object) -> str:
    """Return a value of JSON as text; "" for null."""
    return "" if value is None else str(value).strip() if not isinstance(value, bool) else str(int(value))


def _is_on(value: object) -> bool:
    return _text(value).lower() not in {"", "0", "false"}
