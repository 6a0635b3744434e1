from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.router.decide.existence import FinalRecipients, addresses_to_check, apply_lookups
from services.router.decide.recipients import Resolution, resolve
from shared.model.account import ExistenceCheck, Routing
from shared.model.address import Address
from shared.ports.directory import Existence, LookupResult
from tests.fakes.mails import POSTMASTER, catch_all, evidence_in, single_user

RCPT = ExistenceCheck.RCPT
TO_POSTMASTER = replace(catch_all(), existence=RCPT)
PARKING = replace(catch_all(postmaster=None), existence=RCPT, park_unknown=True)
BOB, EVE = "bob@firma.de", "eve@firma.de"
MISSING = LookupResult(Existence.MISSING, "the target said 550 5.1.1 No such user")
EXISTS = LookupResult(Existence.EXISTS, "the target said 250 2.1.5 Ok")
UNDECIDED = LookupResult(Existence.UNDECIDED, "the target said 451 4.7.1 Later")


def resolution(routing: Routing, *lines: str) -> Resolution:
    return resolve(evidence_in(*lines, routing=routing), routing)


def chosen(
    routing: Routing, lookups: Mapping[str, LookupResult], to: str = f"{BOB}, {EVE}"
) -> FinalRecipients:
    return apply_lookups(resolution(routing, f"To: {to}"), routing, lookups)


def served(final: FinalRecipients) -> list[str]:
    return [each.address for each in final.chosen if not each.parked]


def test_a_recipient_that_exists_or_may_exist_is_served() -> None:
    final = chosen(TO_POSTMASTER, {BOB: EXISTS, EVE: UNDECIDED})
    assert served(final) == [BOB, EVE]
    assert [each.reason for each in final.chosen] == [
        "named in To; exists: the target said 250 2.1.5 Ok",
        "named in To; not known to exist: the target said 451 4.7.1 Later",
    ]


def test_the_postmaster_replaces_a_recipient_that_does_not_exist() -> None:
    final = chosen(TO_POSTMASTER, {BOB: EXISTS, EVE: MISSING})
    assert served(final) == [BOB, str(POSTMASTER)]
    instead = final.chosen[1]
    assert (instead.original, instead.stands_for) == (EVE, (EVE,))
    assert instead.reason == "postmaster, because eve@firma.de does not exist"
    assert final.rejected == ((EVE, "does not exist: the target said 550 5.1.1 No such user"),)


def test_one_copy_goes_to_the_postmaster_however_many_do_not_exist() -> None:
    several = [f"nobody{number}@firma.de" for number in range(5)]
    final = chosen(TO_POSTMASTER, dict.fromkeys(several, MISSING), ", ".join(several))
    (instead,) = final.chosen
    assert (instead.address, instead.original) == (str(POSTMASTER), "")
    assert instead.reason.endswith("nobody1@firma.de, nobody2@firma.de and 2 more do not exist")
    assert instead.stands_for == tuple(several)
    assert len(final.rejected) == 5


def test_a_postmaster_that_gets_the_mail_anyway_gets_it_once() -> None:
    final = chosen(TO_POSTMASTER, {BOB: MISSING, str(POSTMASTER): EXISTS}, f"{BOB}, {POSTMASTER}")
    assert served(final) == [str(POSTMASTER)]


def test_a_postmaster_that_does_not_exist_is_served_all_the_same() -> None:
    final = chosen(TO_POSTMASTER, {str(POSTMASTER): MISSING}, str(POSTMASTER))
    assert served(final) == [str(POSTMASTER)]


def test_a_recipient_that_does_not_exist_is_parked_where_the_account_says_so() -> None:
    final = chosen(PARKING, {BOB: EXISTS, EVE: MISSING})
    assert served(final) == [BOB]
    parked = final.chosen[1]
    assert (parked.address, parked.parked) == (EVE, True)
    assert parked.reason == "named in To; does not exist: the target said 550 5.1.1 No such user"
    assert final.has_parked


def test_an_account_that_does_not_ask_has_everybody_served() -> None:
    everybody = resolution(catch_all(), f"To: {BOB}, x@foreign.example")
    assert addresses_to_check(everybody, catch_all()) == []
    final = apply_lookups(everybody, catch_all(), {})
    assert served(final) == [BOB]
    assert final.chosen[0].reason == "named in To"
    assert final.rejected == (("x@foreign.example", "foreign.example is not an accepted domain"),)
    assert not final.has_parked


def test_nobody_is_asked_about_where_the_target_itself_refuses() -> None:
    routing = replace(catch_all(postmaster=None), existence=RCPT)
    assert addresses_to_check(resolution(routing, f"To: {BOB}"), routing) == []


def test_neither_the_postmaster_nor_a_single_users_recipient_is_asked_about() -> None:
    assert addresses_to_check(resolution(TO_POSTMASTER), TO_POSTMASTER) == []
    single = replace(single_user(BOB), existence=RCPT, park_unknown=True)
    assert addresses_to_check(resolution(single, f"To: {EVE}"), single) == []


def test_it_is_asked_for_the_address_that_the_target_knows() -> None:
    routing = replace(TO_POSTMASTER, domains={"firma.de": "firma.local"})
    assert addresses_to_check(resolution(routing, f"To: {BOB}"), routing) == ["bob@firma.local"]


@given(
    st.lists(st.sampled_from("abcd"), min_size=1, unique=True),
    st.dictionaries(st.sampled_from("abcd"), st.sampled_from([EXISTS, MISSING, UNDECIDED])),
    st.sampled_from([TO_POSTMASTER, PARKING]),
)
def test_everybody_is_served_parked_or_represented(
    locals_: list[str], found: dict[str, LookupResult], routing: Routing
) -> None:
    everybody = [f"{local}@firma.de" for local in locals_]
    lookups = {f"{local}@firma.de": finding for local, finding in found.items()}
    final = chosen(routing, lookups, ", ".join(everybody))
    accounted = [each.address for each in final.chosen if not each.stands_for]
    accounted += [address for each in final.chosen for address in each.stands_for]
    assert sorted(accounted) == sorted(everybody)
    assert len({each.address for each in final.chosen}) == len(final.chosen)


def test_the_recipient_of_a_folder_is_checked_as_any_other() -> None:
    routing = replace(TO_POSTMASTER, folder_recipients={"Sales": Address("sales", "firma.de")})
    found = resolve(evidence_in(f"To: {BOB}", routing=routing, folder="Sales"), routing)
    assert addresses_to_check(found, routing) == ["sales@firma.de"]
    assert served(apply_lookups(found, routing, {"sales@firma.de": MISSING})) == [str(POSTMASTER)]
