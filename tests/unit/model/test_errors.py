from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.model.errors import QUOTED_LENGTH, ConfigurationError, Fault, MailferryError, joined, quoted


class SourceRefused(MailferryError):
    temporary = False
    fault = Fault.SOURCE


def test_an_error_is_temporary_and_ours_unless_it_knows_better() -> None:
    error = MailferryError("The disk is full.")
    assert (error.temporary, error.fault) == (True, Fault.OURS)


def test_an_error_knows_what_its_class_says() -> None:
    error = SourceRefused("No.")
    assert (error.temporary, error.fault) == (False, Fault.SOURCE)


def test_a_servers_answer_overrides_what_the_class_says() -> None:
    error = SourceRefused("Later.", temporary=True, fault=Fault.MAIL)
    assert (error.temporary, error.fault) == (True, Fault.MAIL)
    assert (SourceRefused.temporary, SourceRefused.fault) == (False, Fault.SOURCE)


def test_an_error_reads_as_its_sentence() -> None:
    assert str(SourceRefused("The mailbox is locked.")) == "The mailbox is locked."


def test_a_configuration_error_lists_every_problem_on_its_own_line() -> None:
    error = ConfigurationError(["a.toml:1: first", "a.toml:2: second"])
    assert str(error) == "a.toml:1: first\na.toml:2: second"
    assert error.problems == ["a.toml:1: first", "a.toml:2: second"]
    assert (error.temporary, error.fault, error.exit_code) == (False, Fault.OPERATOR, 78)


def test_printable_text_is_quoted_as_it_is() -> None:
    assert quoted("Zugriff verweigert, bücher") == "Zugriff verweigert, bücher"


def test_control_characters_and_broken_bytes_are_escaped() -> None:
    assert quoted(b"a\r\n\x1b[31m\xff") == "a\\r\\n\\x1b[31m\\xff"
    assert quoted("\u202ebidi") == "\\u202ebidi"


def test_long_text_is_cut() -> None:
    assert quoted("x" * 300) == "x" * QUOTED_LENGTH + "…"
    assert quoted("\0" * QUOTED_LENGTH) == ("\\x00" * QUOTED_LENGTH)[:QUOTED_LENGTH] + "…"


@given(st.one_of(st.text(), st.binary()), st.integers(1, 60))
def test_quoted_text_is_one_printable_line_within_its_limit(text: str | bytes, limit: int) -> None:
    result = quoted(text, limit)
    assert result.isprintable()
    assert len(result) <= limit + 1
    assert len(result) <= limit or result.endswith("…")


@given(st.text(alphabet=st.characters(categories=("L", "N", "P")), max_size=QUOTED_LENGTH))
def test_quoting_changes_nothing_that_is_harmless(text: str) -> None:
    assert quoted(text) == text


def test_sentences_are_joined_without_a_period_in_the_middle() -> None:
    assert joined(["one.", "two", "three."]) == "one; two; three."
    assert joined(["waits for more …", "one."]) == "waits for more …; one."
    assert joined(["one."]) == "one."
    assert joined([]) == ""
