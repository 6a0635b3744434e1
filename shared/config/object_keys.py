"""The keys of one tenant, target or account as a command or a request gives them: checked, and made a spec.

The rules are those of the configuration file, and so are the sentences, each with the key that it is about.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from pydantic import SecretStr

from shared.config.accounts import account_keys_of, build_accounts
from shared.config.context import Context
from shared.config.document import Document
from shared.config.problems import Problems
from shared.config.secrets import WAYS, without_other_ways
from shared.config.specs import SECRET_KEYS, WrittenSpec, without_secrets
from shared.config.targets import UsableTargets, build_targets
from shared.config.tenants import build_tenants
from shared.config.urls import UNIX_SOCKET
from shared.config.values import LIST_SCHEME
from shared.model.account import Account
from shared.model.errors import ConfigurationError, quoted
from shared.model.hosts import NO_LIMITS, HostLimits
from shared.model.spec import Kind

ARRAY = {Kind.TENANT: "tenants", Kind.TARGET: "targets", Kind.ACCOUNT: "accounts"}
DEFAULT_TENANT = "default"
FILE_KEY = "_file"
_LOGIN_SECRETS = ("password", "token")


class KeyProblem(NamedTuple):
    """What is wrong with a key. `key` is "" where it is no single one."""

    key: str
    sentence: str


class InvalidObject(ConfigurationError):
    """The keys of an object cannot be used. `found` has every problem."""

    def __init__(self, kind: str, name: str, found: Iterable[KeyProblem]) -> None:
        self.found = tuple(found)
        super().__init__([f'{kind} "{quoted(name)}": {each.sentence}' for each in self.found])


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the keys of an object are checked with: limits of hosts, and variables that secrets may be in."""

    environ: Mapping[str, str]
    hosts: HostLimits = NO_LIMITS


def object_id(kind: Kind, keys: Mapping[str, Any]) -> str:
    """Return the id that an object with these keys has, as far as they are valid."""
    name = str(keys.get("name", ""))
    if kind is Kind.ACCOUNT:
        return f"{keys.get('tenant', DEFAULT_TENANT)}/{name}"
    return f"{keys['tenant']}/{name}" if kind is Kind.TARGET and "tenant" in keys else name


def target_ids(keys: Mapping[str, Any]) -> list[str]:
    """Return the ids that the target of an account may have, the tenant's own first."""
    target = keys.get("target")
    if not isinstance(target, str):
        return []
    return [f"{keys.get('tenant', DEFAULT_TENANT)}/{target}", target]


def with_defaults(keys: Mapping[str, Any], defaults: Mapping[str, Any], *, trusted: bool) -> dict[str, Any]:
    """Return the keys of a new account with those of `[defaults]` that it does not give.

    Without `trusted`, credentials are not inherited: they would be sent to a server of its owner's choice.
    """
    inherited = dict(defaults)
    if not trusted:
        for secret in _LOGIN_SECRETS:
            inherited = without_other_ways(inherited, secret, {secret})
    return account_keys_of(0, dict(keys), inherited).written()


def merged(kind: Kind, keys: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys with those that are `given` in their place; None removes one.

    A secret that is given in one way replaces the others: a password takes the place of a file.
    """
    result = dict(keys)
    for key, value in given.items():
        for secret in SECRET_KEYS[kind]:
            if value is not None:
                result = without_other_ways(result, secret, {key})
        if value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def absolute(keys: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Return the keys with paths that start from the root, as the registry belongs to no directory."""
    return {key: _absolute(key, value, base) for key, value in keys.items()}


def references(kind: Kind, keys: Mapping[str, Any]) -> Iterator[KeyProblem]:
    """Yield what may not be said by somebody who has no access to this machine: names of files, variables
    and sockets.
    """
    ways = {secret + way for secret in SECRET_KEYS[kind] for way in WAYS if way}
    for key, value in keys.items():
        if value is None:
            continue
        if key in ways or key.endswith(FILE_KEY):
            yield KeyProblem(
                key, f'"{key}": files and variables of the server can be named only in a file and by command'
            )
        elif key == "verify_recipients" and str(value).startswith(LIST_SCHEME):
            yield KeyProblem(key, f'"{key}": a list of recipients can be named only in a file and by command')
        elif key == "url" and str(value).lower().startswith(f"{UNIX_SOCKET}:"):
            yield KeyProblem(key, f'"{key}": a socket can be named only in a file and by command')


def checked(
    kind: Kind,
    keys: Mapping[str, Any],
    targets: Iterable[Mapping[str, Any]],
    surroundings: Surroundings,
    judged: Collection[str],
) -> WrittenSpec:
    """Return the spec of an object whose keys, secrets among them, are valid.

    `targets` are the keys of the targets that an account may mean. `judged` are the keys that are given now;
    others may come from defaults, which do not have to fit to each account.

    Raises `InvalidObject` with every problem.
    """
    table = {key: _clear(value) for key, value in keys.items()}
    document = Document({ARRAY[kind]: [table]}, "registry", Path("/"))
    context = Context(document, surroundings.environ, Problems(document))
    facts = _built(kind, table, context, UsableTargets(targets), surroundings.hosts, judged)
    if found := context.problems.by_path():
        raise InvalidObject(
            kind, object_id(kind, table), [KeyProblem(key_of(path), each) for path, each in found.items()]
        )
    plain, secrets = without_secrets(kind, table)
    return WrittenSpec(kind, keys=plain, secrets=secrets, **facts)


def account_from(keys: Mapping[str, Any], surroundings: Surroundings, judged: Collection[str]) -> Account:
    """Return the account that these keys make, whatever targets there are. Raises `InvalidObject`."""
    table = {key: _clear(value) for key, value in keys.items()}
    document = Document({ARRAY[Kind.ACCOUNT]: [table]}, "registry", Path("/"))
    context = Context(document, surroundings.environ, Problems(document))
    targets = UsableTargets([{"name": table.get("target", "")}])
    built = build_accounts(context, [table], {}, targets, surroundings.hosts, judged)
    if found := context.problems.by_path():
        problems = [KeyProblem(key_of(path), each) for path, each in found.items()]
        raise InvalidObject(Kind.ACCOUNT, object_id(Kind.ACCOUNT, table), problems)
    return next(iter(built.values()))


def _built(
    kind: Kind,
    table: dict[str, Any],
    context: Context,
    targets: UsableTargets,
    hosts: HostLimits,
    judged: Collection[str],
) -> Mapping[str, Any]:
    """What the registry has to know of an object; nothing after a problem was noted."""
    if kind is Kind.ACCOUNT:
        for account in build_accounts(context, [table], {}, targets, hosts, judged).values():
            return {
                "id": account.id,
                "tenant": account.tenant,
                "enabled": account.enabled,
                "target": account.target,
                "poll": account.retry_times.poll.longest,
                "host": account.endpoint.host,
            }
    elif kind is Kind.TARGET:
        for target in build_targets(context, [table]).values():
            tenant = table.get("tenant", "")
            return {
                "id": target.name,
                "tenant": tenant,
                "enabled": target.enabled,
                "host": target.endpoint.host,
            }
    else:
        for name, tenant_limits in build_tenants(context, [table]).items():
            return {"id": name, "tenant": name, "enabled": tenant_limits.enabled}
    return {}


def key_of(path: tuple[str | int, ...]) -> str:
    """Return the key that a path of the document leads to; "" where it leads to a whole table."""
    return str(path[2]) if len(path) > 2 else ""


def _clear(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _absolute(key: str, value: Any, base: Path) -> Any:
    if not isinstance(value, str) or not value:
        return value
    if key.endswith(FILE_KEY):
        return str(base / value)
    if key == "verify_recipients" and value.startswith(LIST_SCHEME):
        path = value.removeprefix(LIST_SCHEME)
        return value if path.startswith("/") else f"{LIST_SCHEME}{quote(str(base))}/{path}"
    return value
