"""Between tables of settings and the registry: what is saved of an object, and how it is built again.

The keys are saved as they were written, without secrets and without what the account's provider gives. They
are validated again where they are used, by the same rules, so a sentence about them is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import SecretStr

from shared.config.account_keys import AccountKeys
from shared.config.accounts import account_keys_of, build_accounts
from shared.config.configuration import Configuration
from shared.config.context import Context
from shared.config.document import Document
from shared.config.problems import Problems
from shared.config.settings import DEFAULTS
from shared.config.targets import UsableTargets, build_targets
from shared.config.tenants import build_tenants
from shared.config.urls import without_url_password
from shared.model.account import Account
from shared.model.errors import ConfigurationError
from shared.model.hosts import HostLimits
from shared.model.spec import Kind, Manager, Spec
from shared.model.target import Target
from shared.model.tenant import TenantLimits

Built = TypeVar("Built", Account, Target, TenantLimits)

SECRET_KEYS: Mapping[Kind, tuple[str, ...]] = {
    Kind.TENANT: (),
    Kind.TARGET: ("password", "token"),
    Kind.ACCOUNT: ("password", "token", "srs_key"),
}
"""The secrets of an object, each by its own key; a reference to a file or a variable is no secret."""
URL_KEYS = {Kind.TARGET: "url", Kind.ACCOUNT: "source"}


class WrittenSpec(NamedTuple):
    """An object as a file, a command or a request has it. `secrets` has every secret that it may have, None
    where it has not. `poll` and `host` are an account's.
    """

    kind: Kind
    id: str
    tenant: str
    keys: Mapping[str, Any]
    secrets: Mapping[str, SecretStr | None]
    enabled: bool
    target: str | None = None
    poll: float = 0.0
    host: str = ""


def written_specs(configuration: Configuration) -> Iterator[WrittenSpec]:
    """Yield the tenants, targets and accounts of a valid configuration, what others refer to first."""
    data = configuration.document.data
    for table in data.get("tenants", ()):
        name = table["name"]
        enabled = configuration.tenants[name].enabled
        yield WrittenSpec(Kind.TENANT, name, name, _plain(table), {}, enabled)
    for table, target in zip(data.get("targets", ()), configuration.targets.values(), strict=True):
        keys, secrets = without_secrets(Kind.TARGET, table)
        yield WrittenSpec(Kind.TARGET, target.name, table.get("tenant", ""), keys, secrets, target.enabled)
    defaults = data.get(DEFAULTS, {})
    accounts = zip(data.get("accounts", ()), configuration.accounts.values(), strict=True)
    for index, (table, account) in enumerate(accounts):
        yield _written_account(account_keys_of(index, table, defaults), account)


def account_of(
    spec: Spec, secrets: Mapping[str, str], hosts: HostLimits, environ: Mapping[str, str]
) -> Account:
    """Return the account of a spec. Raises `ConfigurationError` with every problem."""
    usable = UsableTargets([] if spec.is_target_gone else [_target_table(spec.target)])
    context = _context(spec, "accounts", secrets, environ)
    tables = context.document.data["accounts"]
    return _only(context, build_accounts(context, tables, {}, usable, hosts, judged=()))


def target_of(spec: Spec, secrets: Mapping[str, str], environ: Mapping[str, str]) -> Target:
    """Return the target of a spec. Raises `ConfigurationError` with every problem."""
    context = _context(spec, "targets", secrets, environ)
    return _only(context, build_targets(context, context.document.data["targets"]))


def tenant_limits_of(spec: Spec) -> TenantLimits:
    """Return the limits of a tenant. Raises `ConfigurationError` with every problem."""
    context = _context(spec, "tenants", {}, {})
    return _only(context, build_tenants(context, context.document.data["tenants"]))


def _written_account(account_keys: AccountKeys, account: Account) -> WrittenSpec:
    keys, secrets = without_secrets(Kind.ACCOUNT, account_keys.written())
    return WrittenSpec(
        Kind.ACCOUNT,
        account.id,
        account.tenant,
        keys,
        secrets,
        account.enabled,
        account.target,
        account.retry_times.poll.longest,
        account.endpoint.host,
    )


def without_secrets(
    kind: Kind, table: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Mapping[str, SecretStr | None]]:
    """Return the keys in the types of JSON without secrets, and the secrets: those by their keys, and the
    password of the URL.
    """
    keys = _plain(table)
    secrets: dict[str, SecretStr | None] = {
        name: SecretStr(value) if isinstance(value := keys.pop(name, None), str) else None
        for name in SECRET_KEYS[kind]
    }
    url = keys.get(URL_KEYS.get(kind, ""))
    if isinstance(url, str) and (bare := without_url_password(url)) is not None:
        keys[URL_KEYS[kind]], secrets["password"] = bare
    return keys, secrets


def _plain(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table in the types of JSON: TOML has dates of its own."""
    return {key: _plain_value(value) for key, value in table.items()}


def _plain_value(value: object) -> Any:
    match value:
        case Mapping():
            return _plain(value)
        case list() | tuple():
            return [_plain_value(each) for each in value]
        case date() | time():
            return value.isoformat()
    return value


def _target_table(target: str | None) -> Mapping[str, Any]:
    tenant, _, name = (target or "").rpartition("/")
    return {"name": name, "tenant": tenant} if tenant else {"name": name}


def _context(spec: Spec, array: str, secrets: Mapping[str, str], environ: Mapping[str, str]) -> Context:
    """The context in which one object is built. Relative paths start where those of its file do."""
    is_file = spec.managed_by is Manager.FILE
    origin = spec.origin if is_file else "registry"
    base = Path(spec.origin).parent if is_file else Path("/")
    document = Document({array: [{**spec.keys, **secrets}]}, origin, base)
    return Context(document, environ, Problems(document))


def _only(context: Context, built: Mapping[str, Built]) -> Built:
    if sentences := context.problems.sentences():
        raise ConfigurationError(sentences)
    (only,) = built.values()
    return only
