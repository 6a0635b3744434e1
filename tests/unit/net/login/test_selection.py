from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.authentication import BY_NAME, METHODS, Exposure
from shared.model.mailbox import UNKNOWN_CAPABILITIES
from shared.net.login.plan import LoginPlan
from shared.net.login.selection import Offer, candidates
from shared.pop3.capabilities import parse_capabilities
from shared.pop3.login_channel import announced_methods

EVERYTHING = b"USER\r\nSASL " + b" ".join(method.name.upper().encode() for method in METHODS) + b"\r\n"
WITH_APOP = ("USER", "APOP")
NAMES = st.sampled_from([method.name for method in METHODS])


def offer(body: bytes, *, encrypted: bool = True, clear_is_fine: bool = False) -> Offer:
    announced = announced_methods(parse_capabilities(body), None)
    return Offer(announced, WITH_APOP, encrypted=encrypted, clear_is_fine=clear_is_fine)


@pytest.mark.parametrize(
    ("body", "methods"),
    [
        (b"USER\r\nSASL PLAIN LOGIN\r\n", ("plain", "user")),
        (b"SASL PLAIN\r\n", ("plain",)),
        (b"user\r\nSASL CRAM-MD5\r\n", ("user",)),
        (b"SASL CRAM-MD5\r\n", ()),
        (b"TOP\r\nUIDL\r\n", ("user",)),
        (b"", ("user",)),
    ],
)
def test_only_methods_that_are_announced_are_tried_in_the_configured_order(
    body: bytes, methods: tuple[str, ...]
) -> None:
    assert candidates(LoginPlan(("plain", "user")), offer(body), token=False) == methods


def test_without_any_announcement_every_named_method_is_tried() -> None:
    assert candidates(LoginPlan(("cram-md5", "PLAIN", "user")), Offer(), token=False) == (
        "cram-md5",
        "plain",
        "user",
    )


def test_without_any_announcement_only_user_is_tried_of_the_default_methods() -> None:
    assert candidates(LoginPlan(), Offer(encrypted=True), token=False) == ("user",)
    assert candidates(LoginPlan(), Offer(), token=False) == ()
    assert candidates(LoginPlan(preferred="login"), Offer(encrypted=True), token=False) == ("login", "user")


def test_user_is_tried_unannounced_where_nothing_else_is_switched_on() -> None:
    assert candidates(LoginPlan(("user",)), offer(b"SASL CRAM-MD5\r\n"), token=False) == ("user",)


def test_by_default_the_most_secure_method_comes_first_and_apop_and_ntlm_are_off() -> None:
    assert candidates(LoginPlan(), offer(EVERYTHING), token=False) == (
        "scram-sha-256-plus",
        "scram-sha-1-plus",
        "scram-sha-256",
        "scram-sha-1",
        "cram-md5",
        "plain",
        "login",
        "user",
    )


def test_without_tls_the_default_methods_show_nothing_but_a_proof() -> None:
    in_clear = offer(EVERYTHING, encrypted=False)
    assert candidates(LoginPlan(), in_clear, token=False) == ("scram-sha-256", "scram-sha-1")
    assert candidates(LoginPlan(), in_clear, token=True) == ()


def test_without_tls_named_methods_are_used_as_the_account_says() -> None:
    in_clear = offer(EVERYTHING, encrypted=False)
    assert candidates(LoginPlan(("user", "cram-md5")), in_clear, token=False) == ("user", "cram-md5")


def test_an_account_that_wants_no_tls_gets_every_default_method_that_works_without() -> None:
    in_clear = offer(EVERYTHING, encrypted=False, clear_is_fine=True)
    assert candidates(LoginPlan(), in_clear, token=False)[-3:] == ("plain", "login", "user")


def test_a_token_is_used_with_token_methods_only() -> None:
    assert candidates(LoginPlan(), offer(EVERYTHING), token=True) == ("oauthbearer", "xoauth2")
    assert candidates(LoginPlan(("plain", "xoauth2")), offer(EVERYTHING), token=True) == ("xoauth2",)
    assert candidates(LoginPlan(("plain", "xoauth2")), offer(EVERYTHING), token=False) == ("plain",)


def test_apop_needs_a_timestamp_and_to_be_named() -> None:
    with_stamp = offer(b"USER\r\n")
    assert candidates(LoginPlan(("apop", "user")), with_stamp, token=False) == ("apop", "user")
    without = Offer(with_stamp.announced, encrypted=True)
    assert candidates(LoginPlan(("apop", "user")), without, token=False) == ("user",)


def test_plus_needs_tls() -> None:
    assert (
        candidates(LoginPlan(("scram-sha-256-plus",)), offer(EVERYTHING, encrypted=False), token=False) == ()
    )


def test_what_a_bare_auth_lists_counts_where_capa_is_not_known() -> None:
    found = Offer(announced_methods(UNKNOWN_CAPABILITIES, ("CRAM-MD5", "PLAIN")), encrypted=True)
    assert candidates(LoginPlan(), found, token=False) == ("cram-md5", "plain", "user")


def test_the_method_that_worked_goes_first_and_what_failed_is_left_out() -> None:
    plan = LoginPlan(preferred="login", without=frozenset({"scram-sha-256", "user"}))
    found = offer(b"USER\r\nSASL SCRAM-SHA-256 CRAM-MD5 LOGIN\r\n")
    assert candidates(plan, found, token=False) == ("login", "cram-md5")


@given(st.lists(NAMES, unique=True), st.none() | NAMES, st.lists(NAMES), st.booleans(), st.booleans())
def test_a_secret_goes_out_in_clear_only_by_methods_that_the_account_names(
    auth: list[str], preferred: str | None, announced: list[str], known: bool, token: bool
) -> None:
    body = b"SASL " + " ".join(announced).upper().encode() + b"\r\n"
    capabilities = parse_capabilities(body) if known else UNKNOWN_CAPABILITIES
    found = Offer(announced_methods(capabilities, None), WITH_APOP)
    chosen = candidates(LoginPlan(tuple(auth), preferred), found, token=token)
    assert len(set(chosen)) == len(chosen)
    for name in chosen:
        assert name in auth or BY_NAME[name].exposure is Exposure.PROOF
        assert BY_NAME[name].token == token


def test_a_command_of_the_protocols_own_that_is_not_possible_now_is_not_tried() -> None:
    """IMAP's LOGINDISABLED."""
    disabled = Offer(("PLAIN",), own_commands=(), encrypted=True)
    assert candidates(LoginPlan(("user", "plain")), disabled, token=False) == ("plain",)


@given(NAMES, st.lists(NAMES, unique=True, min_size=1))
def test_a_method_that_worked_once_and_is_not_switched_on_any_more_is_not_tried(
    preferred: str, switched_on: list[str]
) -> None:
    for token in (True, False):
        tried = candidates(LoginPlan(tuple(switched_on), preferred), offer(EVERYTHING), token=token)
        assert set(tried) <= set(switched_on)
        if preferred in tried:
            assert tried[0] == preferred
