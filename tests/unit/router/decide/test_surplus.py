from __future__ import annotations

from dataclasses import replace

import pytest

from services.router.decide.recipients import resolve
from services.router.decide.surplus import REASON, surplus_of
from shared.custody.commands import ChosenRecipient, Surplus
from shared.model.account import Dedup, Routing
from tests.fakes.mails import POSTMASTER, catch_all, evidence_in, single_user

TO_POSTMASTER = ChosenRecipient(str(POSTMASTER), "", f"postmaster, because it is {REASON}")


def surplus(*lines: str, routing: Routing | None = None) -> Surplus | None:
    routing = routing or catch_all()
    return surplus_of(resolve(evidence_in(*lines, routing=routing), routing), routing)


@pytest.mark.parametrize("field", ["To", "Cc", "Resent-To"])
def test_where_recipients_are_a_guess_the_postmaster_gets_copies_in_surplus(field: str) -> None:
    assert surplus(f"{field}: bob@firma.de, carol@firma.de, x@other.example") == Surplus(TO_POSTMASTER, 2)


def test_without_a_postmaster_copies_in_surplus_are_parked() -> None:
    found = surplus("To: bob@firma.de", routing=catch_all(postmaster=None))
    assert found == Surplus(ChosenRecipient("", "", REASON, parked=True), 1)


def test_each_address_that_is_named_accounts_for_a_copy_whatever_it_stands_for() -> None:
    routing = replace(catch_all({"acme.com": "acme.local", "acme.net": "acme.local"}), strip_tags=True)
    found = surplus("To: bob@acme.com, bob@acme.net, bob+x@acme.com", "Cc: bob@ACME.com", routing=routing)
    assert found is not None
    assert found.named == 3


@pytest.mark.parametrize(
    "lines",
    [
        ("Delivered-To: bob@firma.de",),
        ("Received: from x by mx.isp.example for <bob@firma.de>; Mon",),
        ("To: x@other.example",),
        ("List-Id: <x>", "To: bob@firma.de"),
        (),
    ],
)
def test_where_the_envelope_or_nobody_is_named_there_are_no_copies_in_surplus(lines: tuple[str, ...]) -> None:
    assert surplus(*lines) is None


def test_copies_are_not_counted_where_the_account_does_not_want_it() -> None:
    for routing in (
        replace(catch_all(), surplus_copies=False),
        replace(catch_all(), dedup=Dedup.OFF),
        single_user("bob@firma.de"),
    ):
        assert surplus("To: bob@firma.de", routing=routing) is None
