"""How much of an account's mail may be on its way at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.choice import Wanted
from services.fetcher.mailbox import Listed
from services.fetcher.window import Window
from shared.model.message import LedgerKey


def wanted(*sizes: int) -> list[Wanted]:
    return [
        Wanted(Listed(str(n), n, size), LedgerKey("INBOX", 0, str(n)))
        for n, size in enumerate(sizes, start=1)
    ]


def test_a_portion_is_bounded_by_the_number_of_mails() -> None:
    assert len(Window(2, 1000).portion(wanted(1, 1, 1))) == 2


def test_a_portion_is_bounded_by_its_octets() -> None:
    assert len(Window(10, 1000).portion(wanted(400, 400, 400))) == 2


def test_a_mail_larger_than_the_window_passes_alone() -> None:
    assert len(Window(10, 1000).portion(wanted(5000, 1))) == 1


def test_a_full_window_lets_nothing_pass() -> None:
    window = Window(1, 1000)
    window.enter("a", 10)
    assert window.is_full
    assert window.portion(wanted(1)) == ()


def test_mails_of_earlier_visits_count() -> None:
    assert Window(2, 1000, [10, 10]).is_full
    assert Window(9, 1000, [1000]).is_full


def test_a_mail_that_arrived_makes_room() -> None:
    window = Window(1, 1000)
    window.enter("a", 1000)
    window.leave(["a", "unknown"])
    assert not window.is_full
    window.leave(["a"])
    assert len(window.portion(wanted(1, 1))) == 1


@given(st.lists(st.integers(0, 2000), max_size=20), st.integers(1, 10), st.integers(1, 5000))
def test_a_portion_is_a_beginning_that_fits(sizes: list[int], messages: int, octets: int) -> None:
    waiting = wanted(*sizes)
    portion = Window(messages, octets).portion(waiting)
    assert list(portion) == waiting[: len(portion)]
    assert len(portion) <= messages
    assert len(portion) <= 1 or sum(each.entry.size for each in portion) <= octets
    assert portion or not waiting
