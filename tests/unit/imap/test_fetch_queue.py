from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from shared.imap.commands import Command
from shared.imap.fetch_queue import FetchQueue
from shared.imap.limits import FetchWindow
from shared.model.mailbox import Listed

WINDOW = FetchWindow(mails=3, octets=100, alone=50, sets=2)


def entries(*sizes: int) -> list[Listed]:
    return [Listed(f"{number + 10:010d}", number, size) for number, size in enumerate(sizes, 1)]


def queue(mails: Sequence[Listed], cut: Sequence[str] = (), window: FetchWindow = WINDOW) -> FetchQueue:
    return FetchQueue(mails, {mail.number: int(mail.uid) for mail in mails}, window, cut)


def uids(commands: Sequence[Command]) -> list[list[int]]:
    return [sorted(command.uids or ()) for command in commands]


def answer_all(requests: FetchQueue, command: Command) -> None:
    for uid in command.uids or ():
        assert requests.take(command, uid) is not None
    requests.finish(command)


def test_mails_are_requested_in_sets_two_at_a_time() -> None:
    requests = queue(entries(*[10] * 8))
    first, second = requests.next_commands()
    assert uids([first, second]) == [[11, 12, 13], [14, 15, 16]]
    assert requests.next_commands() == []
    answer_all(requests, first)
    assert uids(requests.next_commands()) == [[17, 18]]
    assert not requests.is_done


def test_a_set_has_no_more_octets_than_the_window() -> None:
    assert uids(queue(entries(40, 40, 40, 10)).next_commands()) == [[11, 12], [13, 14]]


def test_a_large_mail_is_a_set_of_its_own() -> None:
    assert uids(queue(entries(10, 51, 10)).next_commands()) == [[11], [12]]


def test_a_mail_that_was_cut_is_requested_while_nothing_else_is_on_its_way() -> None:
    mails = entries(10, 10, 10)
    requests = queue(mails, cut=[mails[1].uid])
    (first,) = requests.next_commands()
    assert uids([first]) == [[11]]
    answer_all(requests, first)
    (cut,) = requests.next_commands()
    assert uids([cut]) == [[12]]
    assert requests.next_commands() == []
    answer_all(requests, cut)
    assert uids(requests.next_commands()) == [[13]]


def test_what_a_set_did_not_bring_is_requested_singly_next() -> None:
    mails = entries(10, 10, 10, 10)
    requests = queue(mails, window=FetchWindow(mails=3, sets=1))
    (first,) = requests.next_commands()
    requests.take(first, 12)
    left = requests.finish(first)
    assert left is not None
    requests.ask_singly(list(left.awaited.values()))
    order = []
    while not requests.is_done:
        (command,) = requests.next_commands()
        order += uids([command])
        answer_all(requests, command)
    assert order == [[11], [13], [14]]


def test_samples_are_the_last_mail_and_one_in_the_middle() -> None:
    requests = queue(entries(*[60] * 9))
    for command in requests.next_commands():
        answer_all(requests, command)
    requests.ask_for_samples()
    sampled = requests.next_commands()
    assert uids(sampled) == [[19], [16]]
    for command in sampled:
        answer_all(requests, command)
    assert requests.is_done
    requests.resume_asking()
    assert not requests.is_done


def test_nothing_more_is_requested_from_a_mailbox_that_is_refused() -> None:
    requests = queue(entries(*[60] * 4))
    sent = requests.next_commands()
    requests.stop_asking()
    for command in sent:
        answer_all(requests, command)
    assert requests.next_commands() == []
    assert requests.is_done


def test_without_a_uid_only_a_mail_that_is_awaited_alone_is_found() -> None:
    mails = entries(60, 60)
    requests = queue(mails)
    first, _ = requests.next_commands()
    assert requests.find(12) is mails[1]
    assert requests.find(99) is None
    assert requests.find(None) is None
    assert requests.first() is mails[0]
    answer_all(requests, first)
    assert requests.find(None) is mails[1]


@given(st.lists(st.integers(0, 120), max_size=40), st.data())
def test_every_mail_is_requested_until_it_came(sizes: list[int], data: st.DataObject) -> None:
    mails = entries(*sizes)
    cut = [mail.uid for mail in mails if data.draw(st.booleans())]
    requests = queue(mails, cut)
    came: list[int] = []
    on_their_way: list[Command] = []
    while not requests.is_done:
        on_their_way += requests.next_commands()
        assert 1 <= len(on_their_way) <= WINDOW.sets
        command = on_their_way.pop(data.draw(st.integers(0, len(on_their_way) - 1)))
        for uid in command.uids or ():
            if data.draw(st.booleans()):
                came.append(uid)
                requests.take(command, uid)
        left = requests.finish(command)
        assert left is not None
        if left.awaited and left.asked > 1:
            requests.ask_singly(list(left.awaited.values()))
        else:
            came += left.awaited
    assert sorted(came) == [int(mail.uid) for mail in mails]
