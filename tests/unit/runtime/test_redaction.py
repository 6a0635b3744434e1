from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.runtime.redaction import redact


def line(level: str = "info", **fields: Any) -> dict[str, Any]:
    redacted = redact(None, level, {"event": "said", "level": level, **fields})
    return {key: redacted[key] for key in fields}


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
@pytest.mark.parametrize(
    "key", ["password", "Password", "secret", "token", "srs_key", "secret_key", "authorization"]
)
def test_a_secret_is_masked_at_every_level(level: str, key: str) -> None:
    assert line(level, **{key: "canary"}) == {key: "********"}


@pytest.mark.parametrize(
    "value",
    [
        SecretStr("canary"),
        [SecretStr("canary")],
        {"a": {"password": "canary"}},
        {"b": (SecretStr("canary"),)},
    ],
)
def test_a_secret_within_another_value_is_masked(value: object) -> None:
    assert "canary" not in str(line("debug", thing=value))
    assert "********" in str(line("debug", thing=value))


def test_a_password_within_a_url_is_masked_at_every_level() -> None:
    assert line("debug", error="no route to amqp://user:c@nary@host/v") == {
        "error": "no route to amqp://user:********@host/v"
    }


@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_an_address_is_hidden_wherever_it_stands(level: str) -> None:
    quoted_ones = '("b o"@corp.example, b@[192.0.2.1])'
    reply = f"550 5.1.1 <bob@corp.example>: Recipient address rejected {quoted_ones}"
    shown = line(
        level, reply=reply, recipient="bob", all=["to bob@corp.example"], table={"bob": "bob@corp.example"}
    )
    assert "corp.example" not in str(shown)
    assert "192.0.2.1" not in str(shown)
    assert shown["reply"].startswith("550 5.1.1 <<address>>: Recipient address rejected (<address>, ")
    assert shown["recipient"] == "<address>"


def test_an_address_is_shown_for_debugging() -> None:
    assert line("debug", recipient="bob@corp.example") == {"recipient": "bob@corp.example"}


def test_numbers_stay_numbers_also_under_a_personal_key() -> None:
    assert line(recipients=3, seconds=0.5, temporary=True, nothing=None) == {
        "recipients": 3,
        "seconds": 0.5,
        "temporary": True,
        "nothing": None,
    }


def test_the_names_of_accounts_and_ids_stay_readable() -> None:
    fields = {"account": "acme/catchall", "message": "01h8xqz4k9b2m7n3p5r6s8t0vw"}
    assert line(**fields) == fields


def test_text_from_a_server_stays_on_its_line() -> None:
    assert line(reply=b'-ERR \x1b[2Jno\r\n{"event": "forged"}') == {
        "reply": '-ERR \\x1b[2Jno\\r\\n{"event": "forged"}'
    }


def test_endless_text_is_cut() -> None:
    assert len(line(reply="x" * 100_000)["reply"]) == 2001


def test_a_traceback_keeps_its_lines_but_not_its_addresses() -> None:
    assert line("error", exception="Traceback:\n  ValueError: bob@corp.example") == {
        "exception": "Traceback:\n  ValueError: <address>"
    }


@given(st.text(), st.sampled_from(["info", "warning", "error"]), st.text())
def test_no_address_passes_whatever_stands_around_it(before: str, level: str, after: str) -> None:
    assert "canary@corp.example" not in line(level, reply=f"{before} canary@corp.example {after}")["reply"]
