"""One account in the making."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config.values import name as name_setting
from shared.importing.result import Choices, ImportedRow
from shared.importing.row_builder import RowBuilder, name_of, slug, with_unique_names


@pytest.mark.parametrize(
    ("username", "source", "name"),
    [
        ("joe@isp.example", "pop3s://pop.isp.example", "joe-isp.example"),
        ("joe", "pop3s://pop.isp.example:995", "joe-pop.isp.example"),
        ("", "", "account"),
        ("jörg b", "imap://x", "j-rg-b-x"),
    ],
)
def test_an_account_is_named_after_its_user(username: str, source: str, name: str) -> None:
    assert name_of(username, source) == name


@given(st.text())
def test_a_slug_of_any_text_is_a_name(text: str) -> None:
    assert name_setting(slug(text)) == slug(text)


@given(st.lists(st.sampled_from(["a", "A", "b" * 64, "b" * 63 + "c", "a-2"]), max_size=30))
def test_names_become_unique_and_stay_names(names: list[str]) -> None:
    rows = with_unique_names([ImportedRow(1, {"name": each}) for each in names])
    ids = [each.account_id.lower() for each in rows]
    assert len(set(ids)) == len(names)
    assert all(name_setting(each.account["name"]) for each in rows)


def test_the_same_name_in_two_tenants_stays() -> None:
    rows = [ImportedRow(1, {"name": "a", "tenant": tenant}) for tenant in ("x", "y")]
    assert with_unique_names(rows) == rows


def test_a_row_has_what_the_operator_said_and_where_values_come_from() -> None:
    row = RowBuilder(3, Choices(tenant="acme", target="here"))
    row.put("username", "joe", 4, "user")
    row.put_target("smtp://elsewhere", 5, "smtphost")
    made = row.finish()
    assert dict(made.account) == {"tenant": "acme", "target": "here", "username": "joe", "name": "joe"}
    assert made.target is None
    assert made.account_id == "acme/joe"
    assert made.origins["username"] == (4, "user")


def test_an_address_of_version_six_stands_in_brackets() -> None:
    row = RowBuilder(1, Choices())
    row.put_source("imap", "2001:db8::1", 1143, 1, "host")
    assert row.get("source") == "imap://[2001:db8::1]:1143"


@pytest.mark.parametrize(("retention", "begin"), [("delete", None), ("keep", "now"), ("7d", "now")])
def test_the_beginning_holds_only_where_copies_stayed(retention: str, begin: str | None) -> None:
    """Mail of an account that kept none waits to be delivered: `now` would leave it alone."""
    row = RowBuilder(1, Choices(begin="now"))
    row.put_retention(retention, 1, "keep")
    assert row.get("begin") == begin
