from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.recipients import Resolution, resolve
from shared.model.account import Routing
from shared.model.address import Address
from tests.fakes.mails import POSTMASTER, catch_all, evidence_in, single_user


def resolution(*lines: str, routing: Routing | None = None) -> Resolution:
    routing = routing or catch_all()
    return resolve(evidence_in(*lines, routing=routing), routing)


def recipients(*lines: str, routing: Routing | None = None) -> list[str]:
    return [each.address for each in resolution(*lines, routing=routing).recipients]


def test_addresses_of_other_domains_are_ignored_and_never_delivered_to() -> None:
    found = resolution("To: sie@firma.de; kollege@firma.de; billg@microsoft.com")
    assert [each.address for each in found.recipients] == ["sie@firma.de", "kollege@firma.de"]
    assert [(each.value, each.reason) for each in found.rejected] == [
        ("billg@microsoft.com", "microsoft.com is not an accepted domain")
    ]


def test_a_domain_is_not_accepted_for_the_sake_of_its_parent_or_its_end() -> None:
    assert recipients("To: a@sub.firma.de, b@xfirma.de, c@firma.de.evil.example") == [str(POSTMASTER)]


def test_an_accepted_domain_is_kept_or_translated() -> None:
    routing = catch_all({"acme.com": "keep", "acme.net": "acme.local"})
    found = resolution("To: Bob+x@ACME.com, Bob@acme.net", routing=routing)
    assert [(each.address, each.original) for each in found.recipients] == [
        ("Bob+x@acme.com", "Bob+x@acme.com"),
        ("Bob@acme.local", "Bob@acme.net"),
    ]
    assert found.recipients[1].reason == "named in To; acme.net is translated to acme.local"


def test_each_recipient_is_named_once_even_if_domains_are_translated_to_one() -> None:
    routing = catch_all({"acme.com": "acme.local", "acme.net": "acme.local"})
    assert recipients("To: bob@acme.com, bob@acme.net, bob@ACME.com", routing=routing) == ["bob@acme.local"]


def test_local_parts_that_differ_in_case_are_two_recipients() -> None:
    assert recipients("To: Bob@firma.de, bob@firma.de") == ["Bob@firma.de", "bob@firma.de"]


def test_the_recipient_of_a_single_user_mailbox_needs_no_accepted_domain() -> None:
    found = resolution("To: x@y.example", routing=single_user("bob@corp.example"))
    assert [each.address for each in found.recipients] == ["bob@corp.example"]
    assert found.rejected == ()


def test_defects_are_refused_with_their_reason_and_the_others_get_the_mail() -> None:
    found = resolution("To: bob@firma.de, <carol@firma.de")
    assert [each.address for each in found.recipients] == ["bob@firma.de"]
    assert [(each.value, each.reason) for each in found.rejected] == [
        ("<carol@firma.de", "an angle bracket without its partner")
    ]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((), "postmaster, because no field names a recipient"),
        (("List-Id: <x>", "To: bob@firma.de"), "postmaster, because mail of a mailing list"),
        (("To: x@y.example",), "the only recipient in To was refused: y.example is not an accepted domain"),
        (("To: x@y.example", "Cc: nobody"), "all 2 recipients in To, Cc were refused"),
        (("Delivered-To: x@y.example", "To: bob@firma.de"), "the only recipient in Delivered-To was refused"),
    ],
)
def test_a_mail_without_a_recipient_goes_to_the_postmaster_with_the_reason(
    lines: tuple[str, ...], reason: str
) -> None:
    found = resolution(*lines)
    assert [(each.address, each.original) for each in found.recipients] == [(str(POSTMASTER), "")]
    assert reason in found.recipients[0].reason
    assert found.park_reason is None


def test_a_mail_without_a_recipient_is_to_be_parked_where_there_is_no_postmaster() -> None:
    found = resolution("To: x@y.example", routing=catch_all(postmaster=None))
    assert found.recipients == ()
    assert found.park_reason == "the only recipient in To was refused: y.example is not an accepted domain"
    assert found.rejected[0].value == "x@y.example"


DOMAINS = st.sampled_from(["firma.de", "FIRMA.de", "acme.net", "other.example", "broken..example", ""])
LISTS = st.lists(st.tuples(st.sampled_from(["bob", "Bob", "carol", "a b"]), DOMAINS), max_size=6)


@given(LISTS, st.sampled_from(["To", "Delivered-To", "Resent-To"]), st.booleans())
def test_there_is_always_a_recipient_or_a_reason_to_park_and_nobody_outside_is_served(
    people: list[tuple[str, str]], field: str, has_postmaster: bool
) -> None:
    routing = catch_all(
        {"firma.de": "keep", "acme.net": "acme.local"}, POSTMASTER if has_postmaster else None
    )
    found = resolution(
        f"{field}: " + ", ".join(f"{local}@{domain}" for local, domain in people), routing=routing
    )
    assert bool(found.recipients) is (found.park_reason is None)
    assert len({each.address for each in found.recipients}) == len(found.recipients)
    allowed = {"firma.de", "acme.local"}
    assert all(each.address.rpartition("@")[2] in allowed for each in found.recipients)
    assert all(each.reason for each in found.recipients)
    assert all(each.reason for each in found.rejected)


def test_a_postmaster_outside_of_the_accepted_domains_is_as_configured() -> None:
    assert recipients(routing=catch_all(postmaster=Address("it", "corp.example"))) == ["it@corp.example"]
