from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.model.mailbox import Listed, Listing
from shared.model.message import LedgerKey
from shared.pop3.listing import Problems, combine, parse_sizes, parse_stat, parse_uids

A_KEY = LedgerKey("INBOX", 0, "gone")


def listing(stat: bytes, sizes: bytes | None, uids: bytes | None, most: int = 100) -> Listing:
    problems = Problems()
    sized = None if sizes is None else parse_sizes(sizes, most, problems)
    named = None if uids is None else parse_uids(uids, most, problems)
    return combine(parse_stat(stat), sized, named, most, problems)


def test_a_healthy_listing_has_no_problems() -> None:
    assert listing(b"2 300", b"1 100\r\n2 200\r\n", b"1 a\r\n2 b\r\n") == Listing(
        (Listed("a", 1, 100), Listed("b", 2, 200)), True, ()
    )


def test_a_blank_uid_costs_only_its_own_mail() -> None:
    found = listing(b"3 3", b"1 1\r\n2 1\r\n3 1\r\n", b"1 a\r\n2 \r\n3 c\r\n")
    assert [entry.uid for entry in found.entries] == ["a", "c"]
    assert found.nameless == (Listed("", 2, 1),)
    assert found.covers(A_KEY)
    assert found.problems == ("Mail 2 has no usable UID: 2 .",)


def test_a_missing_line_costs_only_its_own_mail() -> None:
    found = listing(b"2 2", b"1 1\r\n2 1\r\n", b"2 b\r\n")
    assert found.entries == (Listed("b", 2, 1),)
    assert found.nameless == (Listed("", 1, 1),)


def test_mails_that_share_a_uid_are_nameless() -> None:
    found = listing(b"3 3", b"1 1\r\n2 1\r\n3 1\r\n", b"1 a\r\n2 a\r\n3 c\r\n")
    assert found.entries == (Listed("c", 3, 1),)
    assert found.nameless == (Listed("", 1, 1), Listed("", 2, 1, twin=2))
    assert "shares the UID a" in found.problems[0]


def test_mails_without_uid_are_counted_by_their_sizes() -> None:
    uidless = listing(b"4 10", b"1 1\r\n2 7\r\n3 1\r\n4 1\r\n", None)
    assert [(entry.size, entry.twin) for entry in uidless.entries] == [(1, 1), (7, 1), (1, 2), (1, 3)]
    some = listing(b"3 3", b"1 1\r\n2 1\r\n3 1\r\n", b"1 \r\n2 b\r\n3 \r\n")
    assert [(entry.number, entry.twin) for entry in some.nameless] == [(1, 1), (3, 2)]


def test_a_mail_that_is_listed_with_two_uids_is_nameless() -> None:
    found = listing(b"2 2", b"1 1\r\n2 1\r\n", b"1 a\r\n1 b\r\n2 c\r\n")
    assert found.entries == (Listed("c", 2, 1),)
    assert found.nameless == (Listed("", 1, 1),)


def test_a_uid_longer_than_the_standard_allows_is_kept_as_it_is() -> None:
    uid = "x" * 200
    assert listing(b"1 1", b"1 1\r\n", b"1 " + uid.encode() + b"\r\n").entries == (Listed(uid, 1, 1),)


def test_a_uid_with_control_characters_is_not_used() -> None:
    found = listing(b"2 2", b"1 1\r\n2 1\r\n", b"1 a\0b\r\n2 ok\r\n")
    assert found.entries == (Listed("ok", 2, 1),)
    assert "\0" not in found.problems[0]


def test_a_line_that_names_no_mail_leaves_the_others_alone() -> None:
    found = listing(
        b"2 2", b"1 1\r\n2 1\r\n", b"rubbish\r\n1 a\r\n-1 x\r\n0 y\r\n\r\n99999999999999 z\r\n2 b\r\n"
    )
    assert [entry.uid for entry in found.entries] == ["a", "b"]
    assert found.covers(A_KEY)


def test_a_negative_or_absurd_size_counts_as_unknown() -> None:
    found = listing(b"3 9", b"1 -5\r\n2 " + b"9" * 40 + b"\r\n3\r\n", b"1 a\r\n2 b\r\n3 c\r\n")
    assert [entry.size for entry in found.entries] == [0, 0, 0]


def test_without_uidl_all_mails_are_listed_without_names() -> None:
    found = listing(b"2 3", b"1 1\r\n2 2\r\n", None)
    assert found.entries == (Listed("", 1, 1), Listed("", 2, 2))
    assert not found.has_uids


def test_only_blank_uids_are_the_same_as_none() -> None:
    found = listing(b"2 3", b"1 1\r\n2 2\r\n", b"1\r\n2\r\n")
    assert not found.has_uids
    assert len(found.entries) == 2


def test_a_mailbox_beyond_the_cap_is_listed_in_part_and_says_so() -> None:
    lines = b"".join(b"%d %d\r\n" % (n, n) for n in range(1, 50))
    found = listing(b"49 9", lines, lines, most=10)
    assert [entry.number for entry in found.entries] == list(range(1, 11))
    assert not found.covers(A_KEY)


def test_fewer_lines_than_stat_counts_prove_no_absence() -> None:
    assert not listing(b"1000000000 5", b"1 1\r\n", b"1 a\r\n").covers(A_KEY)
    assert listing(b"1 5", b"1 1\r\n", b"1 a\r\n").covers(A_KEY)


def test_without_a_sensible_stat_an_unreadable_line_proves_no_absence() -> None:
    assert not listing(b"-5 x", b"1 1\r\nrubbish\r\n", b"1 a\r\nrubbish\r\n").covers(A_KEY)


def test_a_thousand_bad_lines_are_not_a_thousand_sentences() -> None:
    found = listing(b"1 1", b"", b"?\r\n" * 1000, most=2000)
    assert len(found.problems) < 30
    assert "more problems" in found.problems[-1]


LINES = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.builds(
            lambda n, u: b"%d %s" % (n, u), st.integers(-3, 12), st.sampled_from([b"a", b"b", b"c", b""])
        ),
    ),
    max_size=15,
).map(b"\r\n".join)


@given(st.binary(max_size=10), LINES, LINES)
def test_whatever_the_server_lists_no_uid_is_there_twice_and_no_mail_is_there_twice(
    stat: bytes, sizes: bytes, uids: bytes
) -> None:
    found = listing(stat, sizes, uids, most=8)
    names = [entry.uid for entry in found.entries]
    numbers = [entry.number for entry in (*found.entries, *found.nameless)]
    assert len(numbers) == len(set(numbers)) <= 8
    assert all(number > 0 for number in numbers)
    assert len(names) == len(set(names)) if found.has_uids else set(names) <= {""}
    assert "" not in names or not found.has_uids
