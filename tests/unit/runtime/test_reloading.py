from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared.config import Configuration
from shared.model.errors import ConfigurationError
from shared.runtime.reloading import Reloader
from tests.fakes.configuration import WHOLE, ConfigurationFile, account
from tests.fakes.registry import registry_of


class Service:
    """Records its accounts."""

    def __init__(self) -> None:
        self.accounts: list[list[str]] = []

    async def reload(self, configuration: Configuration) -> None:
        self.accounts.append([*configuration.accounts])


@pytest.fixture
def file(tmp_path: Path) -> ConfigurationFile:
    return ConfigurationFile(tmp_path)


async def test_services_use_what_was_read_again(file: ConfigurationFile) -> None:
    service = Service()
    with capture_logs() as logs:
        await Reloader({"fetcher": service}, file.load(WHOLE), registry_of()).reload(lambda: file.load(WHOLE))
    assert service.accounts == [["acme/catchall"]]
    assert [each["event"] for each in logs] == ["configuration reloaded"]


async def test_what_takes_effect_only_after_a_restart_is_named(file: ConfigurationFile) -> None:
    changed = f"{WHOLE}[relay]\nretry_delays = ['1h']\n[fetcher]\nconcurrency = 7\n[log]\nlevel = 'error'\n"
    with capture_logs() as logs:
        await Reloader({}, file.load(WHOLE), registry_of()).reload(lambda: file.load(changed))
    assert logs[-1]["event"] == "changes that take effect only after a restart"
    assert logs[-1]["sections"] == ["relay", "log"]


async def test_a_configuration_without_accounts_is_used_as_the_registry_may_have_some(
    file: ConfigurationFile,
) -> None:
    with capture_logs() as logs:
        await Reloader({}, file.load(WHOLE), registry_of()).reload(lambda: file.load(""))
    assert [each["log_level"] for each in logs] == ["info"]


async def test_a_configuration_that_fetches_nothing_is_used_with_a_warning(file: ConfigurationFile) -> None:
    disabled = file.load(account("enabled = false"))
    with capture_logs() as logs:
        await Reloader({}, file.load(WHOLE), registry_of()).reload(lambda: disabled)
    assert [each["log_level"] for each in logs] == ["info", "warning"]
    assert logs[-1]["problem"].endswith("mailferry.toml: every account is disabled, so nothing is fetched")


async def test_a_configuration_that_cannot_be_used_changes_nothing(file: ConfigurationFile) -> None:
    service, configuration = Service(), file.load(WHOLE)

    def load() -> Configuration:
        raise ConfigurationError(["a: 1", "b: 2"])

    with capture_logs() as logs:
        await Reloader({"fetcher": service}, configuration, registry_of()).reload(load)
    assert service.accounts == []
    assert [each["problem"] for each in logs] == ["a: 1", "b: 2"]
