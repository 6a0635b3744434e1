"""A database with 100,000 accounts and 1,000,000 mails, written in bulk; API and console are measured there.

A target, a tenant and an account are applied from a file, and the rows of all others are made like theirs. A
fifth of the accounts belongs to the first tenant, and each other tenant has eight. Of a hundred accounts one
fails, one was never visited, one has a problem, and one is paused; none is due. The mails are those of 80
days and of all accounts: nine in ten are gone from their source, one in ten is kept there, 1 in 500 is
parked, and 1 in 1,000 is on its way.
"""

from __future__ import annotations

import json
import secrets as randomness
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Table, create_engine, delete, select

from bench.ferry import secrets_key
from bench.filling import fill, filler_of
from bench.large_mails import STATES, template
from bench.registry import Place, run
from shared.adapters.sql.access.tables import audit, events
from shared.adapters.sql.bulk import Row
from shared.adapters.sql.tables import accounts, secrets, specs, usage
from shared.model.sealed import SecretName
from shared.ports.store import day_of
from shared.secrets.keys import SecretKey, SecretKeys
from shared.secrets.sealing import NONCE_OCTETS, seal
from tests.servers.ports import LOOPBACK

PASSWORD = "secret"
OF_FIRST, OF_OTHERS = 5, 8
"""The first tenant has one in five accounts, each other eight."""
LATER = 43200.0
SPREAD = 80 * 86400.0
DAYS = 30
"""Days of which there is usage of each tenant."""
AT_ONCE = 5000
_PATTERNS = """
[[targets]]
name = "sink"
url = "smtp://127.0.0.1:9"
tls = "off"
[[tenants]]
name = "{tenant}"
max_accounts = 1000000
[[accounts]]
tenant = "{tenant}"
name = "box000000"
source = "pop3://box000000@127.0.0.1:{place.port}"
tls = "off"
auth = ["user"]
password = "secret"
target = "sink"
mailbox = "single"
recipient = "box000000@here.test"
"""


@dataclass(frozen=True, slots=True)
class Large:
    """How much there is."""

    accounts: int = 100_000
    mails: int = 1_000_000

    @property
    def tenants(self) -> int:
        """How many there are."""
        return 1 + -(-(self.accounts - self._of_first) // OF_OTHERS)

    @property
    def _of_first(self) -> int:
        return self.accounts // OF_FIRST

    def account(self, number: int) -> tuple[str, str]:
        """Return tenant and name of an account."""
        of_first = self._of_first
        tenant = 0 if number < of_first else 1 + (number - of_first) // OF_OTHERS
        return tenant_name(tenant), f"box{number:06}"

    def owner(self, mail: int) -> tuple[str, str, str]:
        """Return account, recipient and tenant of a mail."""
        tenant, name = self.account(mail * 7919 % self.accounts)  # a prime: neighbours in time are not of one
        return f"{tenant}/{name}", f"{name}@here.test", tenant


def tenant_name(number: int) -> str:
    """Return the name of a tenant."""
    return f"t{number:05}"


def fill_large(place: Place, large: Large) -> None:
    """Create the schema, and write all that."""
    config = write_config(place, _PATTERNS.format(tenant=tenant_name(0), place=place))
    run(place, "db", "upgrade", "-c", config)
    run(place, "apply", "-c", config)
    write_config(place)
    with filler_of(place.store) as filler:
        patterns = _taken_out(place.store)
        for batch in _registry(large, patterns):
            filler.send(batch)
    of_states = {state: template(state, large.owner) for state in set(STATES)}
    templates = [of_states[state] for state in STATES]
    fill([place.store], templates, max(1, large.mails // len(templates)), SPREAD)


def write_config(place: Place, objects: str = "") -> str:
    """Write the configuration, and return its path. The registry has the objects later."""
    path = place.home / "large.toml"
    path.touch(mode=0o600)
    path.write_text(
        f"""
store.url = "{place.store}"
broker.url = "{place.broker}"
blobs.url = "file://{place.home}/blobs"
metrics.listen = ""
control.listen = ""
control.requests_per_minute = 100000000
log.level = "warning"
relay.helo_name = "ferry.here.test"
fetcher.host_connections = 0
secrets.key_file = "{secrets_key(place.home)}"
{objects}
"""
    )
    return str(path)


def _taken_out(store: str) -> Mapping[Table, Sequence[Mapping[str, Any]]]:
    """The rows of tenant and account, which are taken out of the database."""
    url = store.replace("postgresql://", "postgresql+psycopg://").replace("sqlite:///", "sqlite:////")
    engine = create_engine(url)
    with engine.begin() as connection:
        found = {
            table: [dict(each) for each in connection.execute(select(table)).mappings()]
            for table in (accounts, secrets, specs)
        }
        connection.execute(delete(accounts))
        connection.execute(delete(secrets))
        connection.execute(delete(specs))
    engine.dispose()
    return found


def _registry(
    large: Large, patterns: Mapping[Table, Sequence[Mapping[str, Any]]]
) -> Iterator[Mapping[Table, Sequence[Row]]]:
    of_kind = {each["kind"]: {**each, "managed_by": "api", "origin": "bench"} for each in patterns[specs]}
    now = time.time()
    today = day_of(now)
    names = [tenant_name(number) for number in range(large.tenants)]
    yield {specs: [_renamed(of_kind["target"], {})]}
    for some in _portions(names):
        yield {
            specs: [_renamed(of_kind["tenant"], {names[0]: name}) for name in some],
            usage: [(name, today - day, 1440, 10 + day, 1_000_000) for name in some for day in range(DAYS)],
        }
    keys = SecretKeys(SecretKey(bytes(range(32))))
    (schedule,), (secret,) = patterns[accounts], patterns[secrets]
    for numbers in _portions(range(large.accounts)):
        of_accounts, of_specs, of_secrets, of_events, of_audit = [], [], [], [], []
        for number in numbers:
            tenant, name = large.account(number)
            new = {f"{names[0]}/box000000": f"{tenant}/{name}", "box000000": name, names[0]: tenant}
            id_ = f"{tenant}/{name}"
            of_specs.append(_renamed(of_kind["account"], new))
            of_accounts.append(tuple({**schedule, "id": id_, **_state(number, now)}.values()))
            place = SecretName("account", id_, secret["field"])
            sealed = seal(keys, place, SecretStr(PASSWORD), randomness.token_bytes(NONCE_OCTETS))
            of_secrets.append(tuple({**secret, "id": id_, "key": sealed.key, "sealed": sealed.data}.values()))
            of_events.append((now - 60, "account.failing", id_, tenant, id_, "login refused"))
            after = json.dumps({"name": name, "recipient": f"{name}@here.test"})
            of_audit.append((now - 60, "bench", LOOPBACK, "account.add", tenant, id_, None, after))
        yield {
            specs: of_specs,
            accounts: of_accounts,
            secrets: of_secrets,
            events: of_events,
            audit: of_audit,
        }


def _state(number: int, now: float) -> dict[str, Any]:
    """How an account is doing: not due, and visited unless it is new."""
    state = {"due_at": now + LATER, "ready_at": now + LATER, "visited_at": now - 30, "succeeded_at": now - 30}
    match number % 100:
        case 1:
            return {
                **state,
                "failures": 3,
                "problem": "the server refused the password",
                "succeeded_at": None,
            }
        case 2:
            return {**state, "visited_at": None, "succeeded_at": None}
        case 3:
            return {**state, "problem": "a mail cannot be read"}
        case 4:
            return {**state, "paused": True}
    return state


def _renamed(row: Mapping[str, Any], names: Mapping[str, str]) -> Row:
    """The row with other names in its texts."""
    return tuple(_text_renamed(each, names) if isinstance(each, str) else each for each in row.values())


def _text_renamed(text: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        text = text.replace(old, new)
    return text


def _portions(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]
