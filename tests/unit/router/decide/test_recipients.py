from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.decide.recipients import SURPLUS_REASON, Resolution, resolve, surplus_of
from services.router.header.addresses import INTERNATIONAL_LIMIT
from shared.custody.commands import ChosenRecipient, Surplus
from shared.model.account import Dedup, Routing
from shared.model.address import Address
from tests.fakes.checked_domains import checked_domains
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
    found = resolution("To: bob@firma.de, carol dave@other.example")
    assert [each.address for each in found.recipients] == ["bob@firma.de"]
    assert [(each.value, each.reason) for each in found.rejected] == [
        ("carol dave@other.example", "white space or a sign in it that no address has")
    ]


@pytest.mark.parametrize(
    "unread",
    [
        "carol..meier@firma.de",
        "carol. meier@firma.de",
        "<carol@firma..de>",
        "carol@firma.de dave@firma.de",
        "carol@",
        "carol@other.example dave@firma.de",
        "(carol@firma.de",
    ],
)
@pytest.mark.parametrize("field", ["To", "Cc", "Resent-To"])
def test_an_address_that_an_author_wrote_and_nobody_can_read_brings_the_postmaster(
    field: str, unread: str
) -> None:
    line = f"{field}: bob@firma.de, {unread}"
    found = resolution(line)
    assert [each.address for each in found.recipients] == ["bob@firma.de", str(POSTMASTER)]
    assert f"1 recipient in {field} cannot be read" in found.recipients[1].reason
    assert found.rejected[0].value == unread
    alone = resolution(line, routing=catch_all(postmaster=None))
    assert [each.address for each in alone.recipients] == ["bob@firma.de"]
    assert alone.park_reason is not None


@pytest.mark.parametrize(
    "harmless",
    [
        "Meier, Carol <carol@firma.de>",
        "carol@firma.de, Dave Meier, undisclosed recipients",
        "carol@firma.de, dave meier@other.example",
        "carol@firma.de, Dave <dave@other.example",
        "carol@firma.de, dave..meier@other.example (Dave)",
        "carol@firma.de, dave@other.example dora@third.example",
        "carol@firma.de, dave@other.example",
    ],
)
def test_part_of_a_name_and_what_is_plainly_foreign_is_nobodys_loss(harmless: str) -> None:
    assert recipients(f"To: bob@firma.de, {harmless}") == ["bob@firma.de", "carol@firma.de"]


def test_what_people_write_is_read_leniently_and_what_servers_write_is_not() -> None:
    written = 'Bob bob@firma.de, "carol@firma.de", <mailto:dave@firma.de>, "eve@firma.de" <x@other.example>'
    assert recipients(f"To: {written}") == ["bob@firma.de", "carol@firma.de", "dave@firma.de"]
    assert recipients("Delivered-To: Bob bob@firma.de") == [str(POSTMASTER)]


def test_in_an_envelope_field_a_defect_beside_a_recipient_brings_the_postmaster() -> None:
    lines = ("X-Envelope-To: <a@firma.de>, <b.@firma.de>, <c..d@firma.de>",)
    found = resolution(*lines)
    assert [(each.address, each.original) for each in found.recipients] == [
        ("a@firma.de", "a@firma.de"),
        (str(POSTMASTER), ""),
    ]
    assert found.recipients[1].reason == (
        "postmaster, because 2 recipients in X-Envelope-To cannot be read: "
        "local part is neither a dot-atom nor a quoted string"
    )
    assert found.park_reason is None


def test_in_an_envelope_field_a_defect_beside_a_recipient_is_parked_where_there_is_no_postmaster() -> None:
    found = resolution("X-Envelope-To: a@firma.de, <b.@firma.de>", routing=catch_all(postmaster=None))
    assert [each.address for each in found.recipients] == ["a@firma.de"]
    assert found.park_reason == (
        "1 recipient in X-Envelope-To cannot be read: local part is neither a dot-atom nor a quoted string"
    )


def test_a_postmaster_that_the_mail_names_is_not_added_again_for_a_defect() -> None:
    assert recipients(f"X-Envelope-To: {POSTMASTER}, <b.@firma.de>") == [str(POSTMASTER)]


@pytest.mark.parametrize(
    ("defect", "brings_the_postmaster"),
    [
        ("<b.@other.example>", False),
        ("b..c@Other.example", False),
        ("x@y@other.example", True),
        ("<b.@firma.de", True),
        ("b.@firma.de.", True),
        ("b@broken..example", True),
        ("bob", True),
        ('"a', True),
    ],
)
def test_a_defect_that_is_plainly_of_another_domain_is_nobodys_loss(
    defect: str, brings_the_postmaster: bool
) -> None:
    named = [str(POSTMASTER)] if brings_the_postmaster else []
    assert recipients(f"Envelope-To: a@firma.de, {defect}") == ["a@firma.de", *named]


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
    assert found.recipients or found.park_reason
    assert not (has_postmaster and found.park_reason)
    assert len({each.address for each in found.recipients}) == len(found.recipients)
    budgeted = {"firma.de", "acme.local"}
    assert all(each.address.rpartition("@")[2] in budgeted for each in found.recipients)
    assert all(each.reason for each in found.recipients)
    assert all(each.reason for each in found.rejected)


def test_a_postmaster_outside_of_the_accepted_domains_is_as_configured() -> None:
    assert recipients(routing=catch_all(postmaster=Address("it", "corp.example"))) == ["it@corp.example"]


def test_the_providers_prefix_is_taken_off_what_servers_wrote_and_not_off_what_the_author_wrote() -> None:
    routing = replace(catch_all(), recipient_prefixes=("mbox-", "12-"))
    found = resolution("Delivered-To: Mbox-bob@firma.de", routing=routing).recipients[0]
    assert (found.address, found.original) == ("bob@firma.de", "Mbox-bob@firma.de")
    assert found.reason == "named in Delivered-To; the provider's prefix Mbox- is removed"
    assert recipients("Delivered-To: 12-bob@firma.de", routing=routing) == ["bob@firma.de"]
    assert recipients("Delivered-To: mbox-@firma.de", routing=routing) == ["mbox-@firma.de"]
    assert recipients("To: mbox-bob@firma.de", routing=routing) == ["mbox-bob@firma.de"]


def test_domains_below_an_accepted_one_are_accepted_with_a_star() -> None:
    routing = catch_all({"acme.com": "keep", "*.acme.com": "keep", "*.acme.net": "*.acme.local"})
    assert recipients("To: a@acme.com, b@x.y.acme.com, c@x.acme.net, d@acme.net", routing=routing) == [
        "a@acme.com",
        "b@x.y.acme.com",
        "c@x.acme.local",
    ]


def test_an_alias_stands_for_another_address_wherever_that_is() -> None:
    routing = replace(catch_all(), aliases={Address("info", "firma.de"): Address("bob", "corp")})
    found = resolution("To: Info@firma.de, carol@firma.de", routing=routing).recipients
    assert [(each.address, each.original) for each in found] == [
        ("bob@corp", "Info@firma.de"),
        ("carol@firma.de", "carol@firma.de"),
    ]
    assert found[0].reason == "named in To; Info@firma.de is an alias of bob@corp"


def test_a_tag_is_kept_or_taken_off_as_configured() -> None:
    to = 'To: bob+news@firma.de, +x@firma.de, "a+b"@firma.de'
    assert recipients(to) == ["bob+news@firma.de", "+x@firma.de", '"a+b"@firma.de']
    routing = replace(catch_all(), strip_tags=True)
    assert recipients(to, routing=routing) == ["bob@firma.de", "+x@firma.de", '"a+b"@firma.de']
    assert resolution(to, routing=routing).recipients[0].reason == "named in To; the tag +news is removed"


def test_an_alias_may_be_for_one_tag_or_for_all_where_tags_are_taken_off() -> None:
    aliases = {
        Address("info", "firma.de"): Address("bob", "corp"),
        Address("info+shop", "firma.de"): Address("eve", "corp"),
    }
    to = "To: info+shop@firma.de, info+x@firma.de"
    assert recipients(to, routing=replace(catch_all(), aliases=aliases)) == ["eve@corp", "info+x@firma.de"]
    assert recipients(to, routing=replace(catch_all(), aliases=aliases, strip_tags=True)) == [
        "eve@corp",
        "bob@corp",
    ]


def test_of_thousands_that_are_rejected_the_first_are_listed() -> None:
    found = resolution("To: " + ", ".join(f"a{number}@x.example" for number in range(5_000)))
    assert len(found.rejected) == 201
    assert found.rejected[-1] == ("", "4800 more are not listed")
    assert "all 5000 recipients" in found.recipients[0].reason


def test_ignored_values_are_listed_as_rejected_but_are_no_reason_for_the_postmaster() -> None:
    found = resolution("Delivered-To: catchall@isp.example", "To: eve@x.example")
    assert [each.value for each in found.rejected] == ["catchall@isp.example", "eve@x.example"]
    assert "the only recipient in To was refused" in found.recipients[0].reason


def test_of_many_that_cannot_be_read_only_so_many_international_domains_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked = checked_domains(monkeypatch)
    many = ", ".join(f"x..y@\u00fc{number}.de" for number in range(3 * INTERNATIONAL_LIMIT))
    found = resolution(f"Delivered-To: bob@firma.de, {many}")
    assert len(checked) <= 2 * INTERNATIONAL_LIMIT
    assert [each.address for each in found.recipients] == ["bob@firma.de", str(POSTMASTER)]


TO_POSTMASTER = ChosenRecipient(str(POSTMASTER), "", f"postmaster, because it is {SURPLUS_REASON}")


def surplus(*lines: str, routing: Routing | None = None) -> Surplus | None:
    routing = routing or catch_all()
    return surplus_of(resolve(evidence_in(*lines, routing=routing), routing), routing)


@pytest.mark.parametrize("field", ["To", "Cc", "Resent-To"])
def test_where_recipients_are_a_guess_the_postmaster_gets_surplus_copies(field: str) -> None:
    assert surplus(f"{field}: bob@firma.de, carol@firma.de, x@other.example") == Surplus(TO_POSTMASTER, 2)


def test_without_a_postmaster_surplus_copies_are_parked() -> None:
    found = surplus("To: bob@firma.de", routing=catch_all(postmaster=None))
    assert found == Surplus(ChosenRecipient("", "", SURPLUS_REASON, parked=True), 1)


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
def test_where_the_envelope_or_nobody_is_named_there_are_no_surplus_copies(lines: tuple[str, ...]) -> None:
    assert surplus(*lines) is None


def test_copies_are_not_counted_where_the_account_does_not_want_it() -> None:
    for routing in (
        replace(catch_all(), surplus_copies=False),
        replace(catch_all(), dedup=Dedup.OFF),
        single_user("bob@firma.de"),
    ):
        assert surplus("To: bob@firma.de", routing=routing) is None


def from_sales(routing: Routing, *lines: str) -> Resolution:
    return resolve(evidence_in(*lines, routing=routing, folder="Sales"), routing)


def test_the_recipient_of_a_folder_goes_the_way_of_any_other_and_the_folder_is_named() -> None:
    routing = replace(
        catch_all({"acme.net": "acme.local"}), folder_recipients={"Sales": Address("info", "acme.net")}
    )
    [found] = from_sales(routing, "To: bob@acme.net").recipients
    assert (found.address, found.original) == ("info@acme.local", "info@acme.net")
    assert found.reason == "read from the folder Sales; acme.net is translated to acme.local"
    aliases = {Address("info", "acme.net"): Address("bob", "corp.example")}
    [found] = from_sales(replace(routing, aliases=aliases)).recipients
    assert found.address == "bob@corp.example"


def test_a_provider_puts_no_prefix_before_the_recipient_of_a_folder() -> None:
    folders = {"Sales": Address("mbox-sales", "firma.de")}
    routing = replace(catch_all(), folder_recipients=folders, recipient_prefixes=("mbox-",))
    assert [each.address for each in from_sales(routing).recipients] == ["mbox-sales@firma.de"]


def test_in_a_single_user_mailbox_the_recipient_of_a_folder_is_taken_as_it_is() -> None:
    folders = {"Sales": Address("info", "acme.net")}
    found = from_sales(replace(single_user("bob@corp.example"), folder_recipients=folders))
    assert found.recipients == (("info@acme.net", "info@acme.net", "read from the folder Sales"),)
    assert (found.is_guess, found.park_reason) == (False, None)


def test_copies_in_folders_with_recipients_of_their_own_do_not_count_as_surplus() -> None:
    routing = replace(catch_all(), folder_recipients={"Sales": Address("sales", "firma.de")})
    surplus = surplus_of(resolution("To: bob@firma.de", routing=routing), routing)
    assert surplus is not None
    assert surplus.other_folders == {"Sales"}
    assert surplus_of(from_sales(routing, "To: bob@firma.de"), routing) is None
