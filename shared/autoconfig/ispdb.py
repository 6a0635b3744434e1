"""The providers of the ISPDB, as data that comes with Mailferry: nobody is asked.

`ispdb.json` beside this module is made by `deploy/tools/update-ispdb`. It names its source and licence.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from shared.autoconfig.client_config import ClientConfig, Server
from shared.model.endpoint import Tls

DATA = "ispdb.json"
SOURCE = "https://github.com/thunderbird/autoconfig"
TERMS = (
    "Facts about mail providers from the ISPDB of the Thunderbird project, which its documentation calls "
    "free to use for any client. Its repository has a licence, by others' account the Mozilla Public License "
    "2.0: take this file as under that one, not under Mailferry's."
)


@cache
def ispdb() -> Mapping[str, ClientConfig]:
    """Return the providers by each of their domains."""
    text = files("shared.autoconfig").joinpath(DATA).read_text(encoding="utf-8")
    return by_domain(read_data(text))


def config_of_domain(domain: str) -> ClientConfig | None:
    """Return the provider that has this domain."""
    return ispdb().get(domain)


def config_of_exchanger(host: str) -> ClientConfig | None:
    """Return the provider that has this host, or the nearest domain above it."""
    labels = host.lower().rstrip(".").split(".")
    names = (".".join(labels[start:]) for start in range(len(labels) - 1))
    return next((config for name in names if (config := ispdb().get(name))), None)


def by_domain(configs: Iterable[ClientConfig]) -> dict[str, ClientConfig]:
    """Return the configs by domain. A domain that two name is the first one's."""
    found: dict[str, ClientConfig] = {}
    for config in configs:
        for domain in config.domains:
            found.setdefault(domain, config)
    return found


def written_data(configs: Iterable[ClientConfig]) -> str:
    """Return the data as text, with one line for each provider, in the order of their first domains."""
    ranked = sorted(configs, key=lambda config: config.domains)
    lines = ",\n".join(json.dumps(_written(config), ensure_ascii=False) for config in ranked)
    head = "".join(f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in _ORIGIN.items())
    return f'{{\n{head}"providers": [\n{lines}\n]\n}}\n'


def read_data(text: str) -> list[ClientConfig]:
    """Return the providers that `written_data` wrote."""
    return [_read(table) for table in json.loads(text)["providers"]]


_ORIGIN = {"source": SOURCE, "terms": TERMS}


def _written(config: ClientConfig) -> dict[str, object]:
    servers = [
        [each.protocol, each.host, each.port, each.tls.value, each.username, *each.methods]
        for each in config.servers
    ]
    return {"name": config.name, "domains": config.domains, "servers": servers}


def _read(table: Mapping[str, Any]) -> ClientConfig:
    servers = tuple(
        Server(protocol, host, port, Tls(tls), username, tuple(methods))
        for protocol, host, port, tls, username, *methods in table["servers"]
    )
    return ClientConfig(table["name"], tuple(table["domains"]), servers)
