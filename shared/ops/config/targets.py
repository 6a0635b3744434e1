"""[[targets]] to the targets that mail is delivered to."""

from __future__ import annotations

from typing import Any

from shared.model.endpoint import Tls
from shared.model.target import Credentials, Target
from shared.ops.config import servers
from shared.ops.config.context import Context
from shared.ops.config.locate import Path
from shared.ops.config.problems import Where
from shared.ops.config.schema import TargetEntry


def build_targets(context: Context, tables: list[dict[str, Any]]) -> dict[str, Target]:
    """The valid targets by name; everything else has been noted as a problem."""
    targets: dict[str, Target] = {}
    for index, table in enumerate(tables):

        def where(key: Path, at: Path = ("targets", index)) -> Path:
            return at + key

        entry = context.validated(TargetEntry, table, where)
        if entry is None:
            continue
        if entry.name in targets:
            context.problems.add(where(("name",)), '"name": another target has the same name')
        targets[entry.name] = _target(context, entry, set(table), where)
    return targets


def declared_names(tables: list[dict[str, Any]]) -> list[str]:
    """The names of all targets, valid or not, so that one mistake is not reported twice."""
    return [name for table in tables if isinstance(name := table.get("name"), str)]


def _target(context: Context, entry: TargetEntry, own: set[str], where: Where) -> Target:
    """A target that wants credentials gets them only through TLS, unless `tls` says otherwise."""
    credentials = _credentials(context, entry, own, where)
    default = Tls.WANTED if credentials is None else Tls.REQUIRED
    endpoint = servers.endpoint(context, entry, entry.url, own, where, default)
    return Target(entry.name, endpoint, credentials, entry.connections, entry.rules)


def _credentials(context: Context, entry: TargetEntry, keys: set[str], where: Where) -> Credentials | None:
    username = servers.username(context, entry, entry.url, where)
    password = servers.password(context, entry, entry.url, keys, where)
    has_password = password is not None or servers.gives_password(keys)
    if username is None and has_password:
        context.problems.add(where(("username",)), '"username" is missing, though there is a password')
    if username is not None and not has_password:
        context.problems.add(where(("password",)), servers.NOT_GIVEN)
    if username is None or password is None:
        return None
    return Credentials(username, password)
