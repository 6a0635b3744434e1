"""Entries of a run control file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.importing.fetchmail.entries import Entry, LocalName, Option, User
from shared.importing.fetchmail.grammar import GLOBAL, NOISE, SERVER, SHORT, STRUCTURE, USER
from shared.importing.fetchmail.parser import parse
from shared.importing.result import UnreadableImport
from tests.fakes.imports import read_or_refused


def only_entry(text: str) -> Entry:
    [entry] = parse(text).entries
    return entry


def only_user(text: str) -> User:
    [user] = only_entry(text).users
    return user


def names(user: User) -> list[tuple[str, str | None]]:
    return [(each.name, each.of) for each in user.local]


def test_poll_server_and_skip_begin_entries() -> None:
    entries = parse("poll a user x server b user y skip c user z").entries
    assert [(each.name, each.polled) for each in entries] == [("a", True), ("b", True), ("c", False)]


def test_noise_words_are_left_out() -> None:
    user = only_user("poll a with proto pop3 and has timeout 5 user x wants options keep and ssl")
    assert set(user.options) == {"keep", "ssl"}


def test_defaults_are_an_entry_of_their_own() -> None:
    file = parse("defaults proto imap user x ssl poll a user y")
    assert file.defaults is not None
    assert file.defaults.options["proto"].value == "imap"
    assert [each.name for each in file.entries] == ["a"]


def test_two_users_of_a_server_have_their_own_options() -> None:
    one, two = only_entry("poll a user x pass p keep user y pass q nokeep").users
    assert (one.remote, one.options["keep"].on) == ("x", True)
    assert (two.remote, two.options["keep"].on) == ("y", False)


@pytest.mark.parametrize(
    "text", ["user x there is y here", "user y here is x there", "user x is y", "user x to y"]
)
def test_here_and_there_say_which_name_is_whose(text: str) -> None:
    user = only_user(f"poll a {text}")
    assert (user.remote, names(user)) == ("x", [("y", None)])


def test_several_names_and_mappings_may_end_with_a_wildcard() -> None:
    user = only_user("poll a user x to b c=d 'e f' * here")
    assert names(user) == [("b", None), ("d", "c"), ("e f", None)]
    assert user.wildcard


def test_names_given_in_several_places_add_up() -> None:
    assert names(only_user("poll a user x is b to c=d e")) == [("b", None), ("d", "c"), ("e", None)]


def test_a_local_name_knows_its_line() -> None:
    assert only_user("poll a\nuser x is\nb").local == [LocalName("b", None, 3)]


@pytest.mark.parametrize("text", ["no keep", "nokeep"])
def test_no_may_stand_before_a_flag_or_belong_to_it(text: str) -> None:
    assert only_user(f"poll a user x {text}").options["keep"] == Option("keep", 1, (), on=False)


@pytest.mark.parametrize(
    ("written", "values", "on"),
    [
        ("envelope X-Rcpt", ("X-Rcpt",), True),
        ("envelope 2 X-Rcpt", ("2", "X-Rcpt"), True),
        ("no envelope", (), False),
    ],
)
def test_an_envelope_has_a_number_or_not(written: str, values: tuple[str, ...], on: bool) -> None:
    assert only_entry(f"poll a {written} user x").options["envelope"] == Option("envelope", 1, values, on)


def test_lists_go_on_until_the_next_keyword() -> None:
    entry = only_entry("poll a aka b c localdomains d e, f uidl user x folder g h smtphost i/25 j keep")
    assert entry.options["aka"].values == ("b", "c")
    assert entry.options["localdomains"].values == ("d", "e", "f")
    assert entry.users[0].options["folder"].values == ("g", "h")
    assert entry.users[0].options["smtphost"].values == ("i/25", "j")


def test_a_list_given_twice_goes_on() -> None:
    assert only_entry("poll a aka b aka c user x").options["aka"].values == ("b", "c")


@pytest.mark.parametrize(("short", "long"), sorted(SHORT.items()))
def test_short_words_mean_the_long_ones(short: str, long: str) -> None:
    for table, text in ((SERVER, "poll a {0} x"), (USER, "poll a user b {0} x")):
        if long in table and long not in {"pass8bits", "mimedecode"}:
            entry = only_entry(text.format(short))
            assert long in {**entry.options, **(entry.users[0].options if entry.users else {})}


def test_global_options_stand_anywhere_between_entries() -> None:
    file = parse('set daemon 300 poll a user x set no bouncemail set postmaster = "root"')
    assert file.options["daemon"].value == "300"
    assert not file.options["bouncemail"].on
    assert file.options["postmaster"].value == "root"


def test_the_first_user_may_go_without_its_name() -> None:
    user = only_user("poll a pass p is b here")
    assert user.remote is None
    assert user.options["password"].value == "p"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("poll a user x\nport 110", 'line 2: the option "port" of a server stands behind'),
        ("poll a port user x", 'line 1: "port" is not followed by a number'),
        ("poll\n", 'line 1: "poll" is not followed by the name of a server'),
        ("defaults\ndefaults", "line 2: there is a second"),
        ("poll a user", 'line 1: "user" is followed by no name'),
        ("poll a user b c keep", "line 1: several names"),
        ("poll a user x is b c there", "line 1: .* takes one name"),
        ("poll a user x mda", 'line 1: "mda" is not followed by text'),
        ("poll a user x is b=", 'line 1: "=" is not followed by a name'),
    ],
)
def test_what_fetchmail_refuses_is_refused_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(UnreadableImport, match=problem):
        parse(text)


def test_unknown_words_are_kept_with_what_follows_and_their_line() -> None:
    entry = only_entry("poll a proto pop3\nfrobnicate x 12 user b ssl\nmoveto Archive keep")
    assert entry.unknown == [Option("frobnicate", 2, ("x", "12")), Option("moveto", 3, ("Archive",))]
    assert entry.users[0].options["keep"].on


def test_unknown_words_before_the_first_entry_and_behind_set_are_kept() -> None:
    file = parse("whatever 1\nset colour red\npoll a user x")
    assert [(each.name, each.line) for each in file.unknown] == [("whatever", 1), ("colour", 2)]


def test_an_empty_file_has_no_entries() -> None:
    assert parse("# nothing\n\n").entries == []


WORDS = sorted(
    {*GLOBAL, *SERVER, *USER, *SHORT, *STRUCTURE, *NOISE, "x", "12", "*", "=", '"a b"', "pop3", "nokeep"}
)


@given(st.lists(st.sampled_from(WORDS)).map("\n".join))
def test_keywords_in_any_order_are_parsed_or_refused_with_a_line(text: str) -> None:
    file = read_or_refused(lambda: parse(text))
    if isinstance(file, UnreadableImport):
        assert 1 <= file.line <= text.count("\n") + 1
    else:
        assert len(file.entries) <= text.count("poll") + text.count("skip") + text.count("server")
