"""Which mails a visit reads, and in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.decide.choice import Choice, Wanted, choose, oversize_sentence
from services.fetcher.decide.read_failures import ReadFailures
from shared.model.mailbox import Listed
from shared.model.message import LedgerKey
from shared.model.read_failure import ReadFailure, ReadFailureKind
from shared.model.reading import Oversize, Reading

NOW = 1_000_000.0


def key(uid: str) -> LedgerKey:
    return LedgerKey("INBOX", 0, uid)


def wanted(*sizes: int) -> list[Wanted]:
    return [
        Wanted(Listed(str(number), number, size), key(str(number))) for number, size in enumerate(sizes, 1)
    ]


def failure(uid: str, kind: ReadFailureKind, again_at: float, octets: int = 0) -> ReadFailure:
    return ReadFailure(key(uid), kind, 1, again_at, octets, "no")


def fetched(choice: Choice) -> list[str]:
    return [each.entry.uid for each in choice.fetch]


def test_all_is_read_without_limits() -> None:
    assert choose(wanted(1, 2, 3), Reading(), ReadFailures(), NOW) == Choice(wanted(1, 2, 3), [], [])


def test_a_pass_stops_at_its_number_and_at_its_octets_but_reads_one_at_least() -> None:
    by_number = choose(wanted(1, 1, 1), Reading(max_messages=2), ReadFailures(), NOW)
    assert (fetched(by_number), by_number.more) == (["1", "2"], True)
    by_octets = choose(wanted(4, 4, 4), Reading(max_bytes=8), ReadFailures(), NOW)
    assert (fetched(by_octets), by_octets.more) == (["1", "2"], True)
    huge = choose(wanted(9, 1), Reading(max_bytes=8), ReadFailures(), NOW)
    assert (fetched(huge), huge.more) == (["1"], True)


def test_a_session_that_could_exceed_its_cap_is_not_begun() -> None:
    reading = Reading(mail_limit=10, session_limit=30)
    assert fetched(choose(wanted(10, 10, 10), reading, ReadFailures(), NOW)) == ["1", "2"]


def test_what_did_not_work_before_comes_last_and_only_when_it_is_due() -> None:
    known = [
        failure("1", ReadFailureKind.BROKEN, NOW),
        failure("2", ReadFailureKind.REFUSED, NOW + 1),
        failure("3", ReadFailureKind.CUT, NOW - 5),
    ]
    choice = choose(wanted(1, 1, 1, 1), Reading(), ReadFailures(known), NOW)
    assert (fetched(choice), choice.risky) == (["4", "3", "1"], True)
    assert [each.entry.uid for each in choice.postponed] == ["2"]
    limited = choose(wanted(1, 1, 1, 1), Reading(max_messages=1), ReadFailures(known), NOW)
    assert (fetched(limited), limited.risky, limited.more) == (["4"], False, True)


def test_what_is_too_large_by_the_listing_or_was_when_it_was_read_is_left() -> None:
    known = [failure("2", ReadFailureKind.OVERSIZE, NOW, octets=11)]
    choice = choose(wanted(11, 1, 10), Reading(max_size=10), ReadFailures(known), NOW)
    assert (fetched(choice), [each.entry.uid for each in choice.oversize]) == (["3"], ["1", "2"])
    for reading in (Reading(max_size=11), Reading(), Reading(max_size=10, oversize=Oversize.PARK)):
        assert fetched(choose(wanted(11, 1, 10), reading, ReadFailures(known), NOW)) == ["1", "2", "3"]


def test_what_is_left_is_named_with_its_size() -> None:
    assert oversize_sentence(wanted(11), 10) == (
        "left at the source, as max_size is 10 octets: 1 (11 octets)"
    )
    assert oversize_sentence(wanted(*[11] * 7), 10).endswith("5 (11 octets) and 2 more")


@given(
    st.lists(st.integers(0, 50), max_size=12),
    st.integers(0, 5),
    st.integers(0, 100),
    st.integers(0, 40),
    st.dictionaries(st.integers(1, 12), st.sampled_from(ReadFailureKind)),
)
def test_every_mail_is_read_left_put_off_or_waits_for_the_next_pass(
    sizes: list[int], most: int, octets: int, largest: int, kinds: dict[int, ReadFailureKind]
) -> None:
    known = [failure(str(number), kind, NOW + (number % 2)) for number, kind in kinds.items()]
    reading = Reading(max_messages=most, max_bytes=octets, max_size=largest)
    mails = wanted(*sizes)
    choice = choose(mails, reading, ReadFailures(known), NOW)
    seen = [*choice.fetch, *choice.oversize, *choice.postponed]
    assert len(seen) == len(set(seen))
    assert set(seen) <= set(mails)
    assert choice.more == (len(seen) < len(mails))
    if most:
        assert len(choice.fetch) <= most
    if octets and len(choice.fetch) > 1:
        assert sum(each.entry.size for each in choice.fetch) <= octets
