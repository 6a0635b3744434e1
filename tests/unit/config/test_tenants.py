"""[[tenants]], and the targets that their accounts may use."""

from __future__ import annotations

import pytest

from shared.model.tenant import NO_TENANT_LIMITS, TenantLimits
from tests.fakes.configuration import TARGET, WHOLE, ConfigurationFile, account, target

TENANT = '[[tenants]]\nname = "acme"\n'


def test_a_tenant_has_limits(file: ConfigurationFile) -> None:
    limits = 'max_accounts = 5\nwindow_messages = 9\nwindow_bytes = "2MiB"\ndaily_mails = 1000\n'
    assert file.load(TENANT + limits).tenants == {
        "acme": TenantLimits(
            max_accounts=5, window_messages=9, window_bytes=2 * 1024 * 1024, daily_mails=1000
        )
    }


def test_without_limits_those_for_all_tenants_hold(file: ConfigurationFile) -> None:
    assert file.load(TENANT).tenants == {"acme": NO_TENANT_LIMITS}
    assert file.load(WHOLE).tenants == {}, "an account's tenant needs no table"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (TENANT + TENANT, '"name": another tenant has the same name'),
        ("[[tenants]]\nmax_accounts = 1\n", '"name"'),
        (TENANT + "max_accounts = -1\n", '"max_accounts"'),
        (TENANT + "window_messages = 0\n", '"window_messages"'),
        (TENANT + 'window_bytes = "much"\n', '"window_bytes"'),
        (TENANT + "windows = 1\n", '"windows"'),
    ],
)
def test_a_mistake_is_named_with_its_key(file: ConfigurationFile, text: str, problem: str) -> None:
    (told,) = file.problems(text)
    assert problem in told


def test_a_tenants_own_target_goes_before_a_global_one(file: ConfigurationFile) -> None:
    own = target('tenant = "acme"')
    assert (
        file.load(TARGET + own + account().removeprefix(TARGET)).accounts["acme/catchall"].target
        == "acme/exchange"
    )
    assert file.load(WHOLE).accounts["acme/catchall"].target == "exchange"


@pytest.mark.parametrize("line", ['tenant = "other"', 'tenants = ["other"]'])
def test_the_target_of_another_tenant_is_not_there(file: ConfigurationFile, line: str) -> None:
    (told,) = file.problems(target(line) + account().removeprefix(TARGET))
    assert '"target"' in told


def test_a_global_target_may_be_granted_to_some(file: ConfigurationFile) -> None:
    text = target('tenants = ["acme", "other"]') + account().removeprefix(TARGET)
    assert file.load(text).accounts["acme/catchall"].target == "exchange"


def test_a_target_of_one_tenant_is_granted_to_nobody_else(file: ConfigurationFile) -> None:
    (told,) = file.problems(target('tenant = "acme"', 'tenants = ["other"]'))
    assert '"tenants" has no effect' in told


def test_two_tenants_may_call_their_targets_alike(file: ConfigurationFile) -> None:
    text = target('tenant = "acme"') + target('tenant = "other"')
    assert [*file.load(text).targets] == ["acme/exchange", "other/exchange"]
