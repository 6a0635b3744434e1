from __future__ import annotations

from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageSettled
from shared.contract.topology import settled_key
from shared.custody.commands import Settled
from shared.runtime.settlement import settlement_hints


def settled(message: str, fetcher: str) -> Settled:
    return Settled(
        message=message, account="acme/bob", fetch_no=1, fetcher=fetcher, first_fetched_at=0.0, blob=None
    )


def test_each_fetcher_gets_one_hint_about_all_its_mails() -> None:
    hints = settlement_hints([settled("a", "one"), settled("b", "other"), settled("c", "one")])

    assert {each.key: EVENT_CODEC.decode(each.body) for each in hints} == {
        settled_key("one"): MessageSettled(messages=("a", "c")),
        settled_key("other"): MessageSettled(messages=("b",)),
    }


def test_a_hint_may_be_unroutable() -> None:
    assert not any(each.mandatory for each in settlement_hints([settled("a", "gone")]))


def test_without_settled_mails_there_are_no_hints() -> None:
    assert settlement_hints([]) == []
