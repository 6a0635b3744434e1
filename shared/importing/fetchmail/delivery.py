"""The target of an account, from the options of fetchmail."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from pydantic import SecretStr

from shared.importing.fetchmail.entries import Option
from shared.importing.row_builder import RowBuilder
from shared.model.errors import quoted

DEFAULT_HOST = "localhost"
NEEDS_TARGET = "fetchmail gave mail to a program or a file; say with --target where Mailferry delivers it"
OTHERS = "Mailferry delivers to the first of these hosts; for the others give the target an MX name"


def put_target(row: RowBuilder, options: Mapping[str, Option]) -> None:
    """Set the target: the first host of `smtphost`, by LMTP with `lmtp`."""
    for name in ("mda", "bsmtp"):
        option = options.get(name)
        if option is not None and row.choices.target is None:
            row.block(option.line, name, NEEDS_TARGET)
            return
    hosts, lmtp = options.get("smtphost"), options.get("lmtp")
    host = hosts.values[0] if hosts is not None else DEFAULT_HOST
    line, named = (hosts.line, "smtphost") if hosts is not None else (row.line, "smtphost")
    if row.choices.target is not None:
        if hosts is not None:
            row.note(line, named, "mail goes to the target that --target names")
        return
    by_lmtp = lmtp is not None and lmtp.on
    url = _url(host, by_lmtp=by_lmtp)
    if url is None:
        row.block(line, named, f'"{quoted(host)}" is not understood as a host and port')
        return
    row.put_target(url, line, named, **_login(row, options))
    if hosts is not None and len(hosts.values) > 1:
        row.note(line, named, OTHERS)


def _url(host: str, *, by_lmtp: bool) -> str | None:
    """Return the URL of a host as fetchmail writes it: with its port behind a slash."""
    if host.startswith("/"):
        return f"lmtp+unix://{quote(host)}"
    name, slash, port = host.partition("/")
    if not name or (slash and not port.isdecimal()):
        return None
    place = f"[{name}]" if ":" in name else name
    return f"{'lmtp' if by_lmtp else 'smtp'}://{place}" + (f":{port}" if slash else "")


def _login(row: RowBuilder, options: Mapping[str, Option]) -> dict[str, object]:
    name, password = options.get("esmtpname"), options.get("esmtppassword")
    if name is None or password is None:
        if name is not None or password is not None:
            row.note(
                row.line, "esmtpname", "a login at the target needs both name and password, so there is none"
            )
        return {}
    return {"username": name.value, "password": SecretStr(password.value)}
