"""One-time codes are those of RFC 6238, and count one step before and after."""

from __future__ import annotations

import pytest

from shared.access.one_time_codes import STEP, code_step, current_code, key_uri

KEY = b"12345678901234567890"


@pytest.mark.parametrize(("now", "code"), [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")])
def test_the_codes_are_those_of_the_standard(now: float, code: str) -> None:
    assert current_code(KEY, now) == code
    assert code_step(KEY, code, now) == now // STEP


@pytest.mark.parametrize(
    ("later", "counts"), [(-STEP, True), (STEP, True), (2 * STEP, False), (-2 * STEP, False)]
)
def test_a_clock_may_be_one_step_off(later: int, counts: bool) -> None:
    now = 1_000_000_000.0
    assert (code_step(KEY, current_code(KEY, now), now + later) is not None) == counts


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６"])
def test_what_is_no_code_is_wrong(code: str) -> None:
    assert code_step(KEY, code, 59) is None


def test_an_app_reads_the_key_from_a_uri() -> None:
    assert key_uri(KEY, "anna@acme.example").startswith(
        "otpauth://totp/Mailferry:anna%40acme.example?secret="
    )
