from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.config import values
from shared.model.account import MailboxKind
from shared.model.address import Address
from shared.operations.account_draft import Draft, proposed_name, summary


def test_the_proposed_name_is_made_of_the_address() -> None:
    assert proposed_name(Address("bob+x", "corp.example")) == "bob+x-corp.example"
    assert proposed_name(Address('"a b"', "corp.example")) == "a-b-corp.example"


@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80))
def test_any_address_has_a_proposed_name_that_can_be_used(local: str, domain: str) -> None:
    name = proposed_name(Address(local, domain))
    assert values.name(name) == name


def test_the_summary_says_whose_mail_it_is() -> None:
    draft = Draft(
        source="imaps://imap.isp.example",
        username="bob",
        tenant="acme",
        name="bob",
        target="exchange",
        retention="7d",
        mailbox=MailboxKind.CATCH_ALL,
        domains=("corp.example", "corp.test"),
    )
    assert ("Mail is for", "everybody at corp.example, corp.test") in summary(draft)
    assert ("Account", "acme/bob") in summary(draft)
