"""Dividing the recipients of a mail into transactions that a target accepts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.relay.delivery.splitting import RecipientResult, RecipientSplitter
from shared.smtp.envelope import Phase, RecipientReply
from shared.smtp.errors import ConnectionLost
from shared.smtp.reply import Reply

TAKEN = Reply(250, (b"2.0.0 Taken",))
TOO_MANY = Reply(452, (b"4.5.3 Too many recipients",))
UNKNOWN = Reply(550, (b"5.1.1 User unknown",))
BARE = Reply(452, (b"no",))
BYE = Reply(421, (b"4.7.0 Too many errors",))

Server = Callable[[Sequence[str]], Mapping[str, RecipientResult]]


def people(number: int) -> list[str]:
    return [f"p{position}@corp.example" for position in range(number)]


def ended(recipient: str, reply: Reply, phase: Phase = Phase.CONTENT) -> RecipientReply:
    return RecipientReply(recipient, reply, phase)


def at_rcpt(limit: int, refusal: Reply = TOO_MANY) -> Server:
    """Accept the first `limit` recipients, and refuse the others at RCPT."""

    def answer(group: Sequence[str]) -> Mapping[str, RecipientResult]:
        return {
            each: ended(each, TAKEN) if position < limit else ended(each, refusal, Phase.RCPT)
            for position, each in enumerate(group)
        }

    return answer


def at_data(limit: int, refusal: Reply = TOO_MANY, phase: Phase = Phase.DATA) -> Server:
    """Accept all recipients at RCPT, and refuse the mail if they are more than `limit`."""

    def answer(group: Sequence[str]) -> Mapping[str, RecipientResult]:
        taken = len(group) <= limit
        return {each: ended(each, TAKEN) if taken else ended(each, refusal, phase) for each in group}

    return answer


def split(
    who: Sequence[str], server: Server, most: int = 100
) -> tuple[RecipientSplitter, list[tuple[str, ...]]]:
    splitter, groups = RecipientSplitter(who, most), []
    while group := splitter.next_group():
        groups.append(group)
        splitter.record_group(server(group))
        assert len(groups) <= 4 * len(who) + 10
    return splitter, groups


def positive(splitter: RecipientSplitter) -> set[str]:
    ends = splitter.results.values()
    return {each.recipient for each in ends if isinstance(each, RecipientReply) and each.reply.positive}


def test_whoever_is_too_many_at_rcpt_goes_in_further_transactions_at_once() -> None:
    splitter, groups = split(people(10), at_rcpt(4))
    assert [len(group) for group in groups] == [10, 4, 2]
    assert positive(splitter) == set(people(10))
    assert splitter.learnt_limit == 4


@pytest.mark.parametrize("phase", [Phase.DATA, Phase.CONTENT])
def test_a_mail_that_is_refused_for_its_recipients_is_halved_until_it_passes(phase: Phase) -> None:
    splitter, groups = split(people(10), at_data(3, phase=phase))
    assert [len(group) for group in groups] == [10, 5, 2, 2, 2, 2, 2]
    assert positive(splitter) == set(people(10))
    assert splitter.learnt_limit == 2


def test_no_limit_is_learnt_if_all_are_accepted() -> None:
    splitter, groups = split(people(5), at_rcpt(5), most=3)
    assert [len(group) for group in groups] == [3, 2]
    assert splitter.learnt_limit is None


def test_an_unknown_recipient_stays_unknown_and_is_offered_once() -> None:
    def server(group: Sequence[str]) -> Mapping[str, RecipientResult]:
        answers = dict(at_rcpt(3)(group))
        return answers | {
            each: ended(each, UNKNOWN, Phase.RCPT) for each in group if each == "p0@corp.example"
        }

    splitter, groups = split(people(6), server)
    assert splitter.results["p0@corp.example"] == ended("p0@corp.example", UNKNOWN, Phase.RCPT)
    assert sum("p0@corp.example" in group for group in groups) == 1
    assert positive(splitter) == set(people(6)[1:])


def test_a_bare_452_behind_accepted_recipients_is_offered_again_and_teaches_nothing() -> None:
    splitter, groups = split(people(6), at_rcpt(4, BARE))
    assert [len(group) for group in groups] == [6, 2]
    assert positive(splitter) == set(people(6))
    assert splitter.learnt_limit is None


def test_a_recipient_refused_by_a_bare_452_each_time_keeps_that_answer() -> None:
    full = people(6)[3]

    def server(group: Sequence[str]) -> Mapping[str, RecipientResult]:
        return dict(at_rcpt(10)(group)) | {
            each: ended(each, BARE, Phase.RCPT) for each in group if each == full
        }

    splitter, groups = split(people(6), server)
    assert splitter.results[full] == ended(full, BARE, Phase.RCPT)
    assert [len(group) for group in groups] == [6, 1]


def test_a_bare_452_to_all_says_nothing_of_their_number() -> None:
    splitter, groups = split(people(6), lambda group: {each: ended(each, BARE, Phase.RCPT) for each in group})
    assert len(groups) == 1
    assert not positive(splitter)


def test_where_one_alone_is_too_many_all_that_are_left_have_that_answer() -> None:
    refusal = Reply(550, (b"Too many recipients this hour",))
    splitter, groups = split(people(8), at_rcpt(0, refusal))
    assert [len(group) for group in groups] == [8, 4, 2, 1]
    assert splitter.results == {each: ended(each, refusal, Phase.RCPT) for each in people(8)}
    assert splitter.learnt_limit is None


def test_a_target_that_hangs_up_over_too_many_is_offered_fewer() -> None:
    def server(group: Sequence[str]) -> Mapping[str, RecipientResult]:
        if len(group) <= 3:
            return at_rcpt(3)(group)
        refused = {each: ended(each, TOO_MANY, Phase.RCPT) for each in group[3:5]}
        return {each: ended(each, BYE, Phase.RCPT) for each in group} | refused

    splitter, _ = split(people(8), server)
    assert positive(splitter) == set(people(8))


def test_a_connection_lost_over_too_many_is_no_end_for_those_without_an_answer() -> None:
    def server(group: Sequence[str]) -> Mapping[str, RecipientResult]:
        if len(group) <= 4:
            return at_rcpt(4)(group)
        lost = ConnectionLost("It hung up.")
        return dict.fromkeys(group, lost) | {group[4]: ended(group[4], TOO_MANY, Phase.RCPT)}

    splitter, _ = split(people(8), server)
    assert positive(splitter) == set(people(8))


def test_whoever_may_have_the_mail_is_not_offered_it_again() -> None:
    lost = ConnectionLost("It hung up.", after_content=True)

    def server(group: Sequence[str]) -> Mapping[str, RecipientResult]:
        if len(group) == 1:
            return at_rcpt(1)(group)
        return {group[0]: lost, group[1]: ended(group[1], TOO_MANY, Phase.RCPT)}

    splitter, groups = split(people(2), server)
    assert splitter.results[people(2)[0]] is lost
    assert groups == [tuple(people(2)), (people(2)[1],)]


ENDS = st.sampled_from(
    [
        (TAKEN, Phase.CONTENT),
        (TOO_MANY, Phase.RCPT),
        (TOO_MANY, Phase.DATA),
        (TOO_MANY, Phase.CONTENT),
        (BARE, Phase.RCPT),
        (UNKNOWN, Phase.RCPT),
        (BYE, Phase.RCPT),
        None,
    ]
)


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 15), st.data())
def test_whatever_a_target_answers_it_ends_with_one_end_for_each(
    number: int, most: int, data: st.DataObject
) -> None:
    taken: list[str] = []

    def server(group: Sequence[str]) -> Mapping[str, RecipientResult]:
        assert len(group) <= most
        ends: dict[str, RecipientResult] = {}
        for each in group:
            drawn = data.draw(ENDS)
            ends[each] = ConnectionLost("Gone.") if drawn is None else ended(each, *drawn)
            taken.extend([each] if drawn == (TAKEN, Phase.CONTENT) else [])
        return ends

    splitter, _ = split(people(number), server, most)
    assert set(splitter.results) == set(people(number))
    assert sorted(taken) == sorted(positive(splitter))


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 50), st.booleans())
def test_a_target_with_any_limit_gets_the_mail_for_everybody_once(
    number: int, limit: int, most: int, early: bool
) -> None:
    splitter, groups = split(people(number), (at_rcpt if early else at_data)(limit), most)
    assert positive(splitter) == set(people(number))
    assert splitter.learnt_limit is None or splitter.learnt_limit <= limit
    assert all(len(group) <= limit for group in groups[-1:])
