"""Text is made fit for the database without losing a mail, and what is fit is left alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.sql.text import KEY_OCTETS, is_plain, key, safe, safe_fetched, safe_outcomes, safe_routed
from shared.custody.commands import ChosenRecipient, Outcomes
from shared.model.message import LedgerKey, RecipientStatus
from tests.fakes.custody import fetched_mail, outcome_of, routed_mail

ANY_TEXT = st.text(st.characters(), max_size=300)


@given(ANY_TEXT)
def test_safe_text_can_be_stored(text: str) -> None:
    made = safe(text)
    assert "\0" not in made
    made.encode()
    assert safe(made) == made


@given(st.text(max_size=300).filter(lambda text: "\0" not in text))
def test_text_that_can_be_stored_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


def test_what_cannot_be_stored_is_written_as_its_escape() -> None:
    assert safe("a\0b\udc80c\N{SNOWMAN}") == "a\\u0000b\\udc80c\N{SNOWMAN}"


@given(st.text(st.characters(), max_size=2000))
def test_a_key_fits_into_an_index(text: str) -> None:
    made = key(text)
    assert len(made.encode()) <= KEY_OCTETS
    assert key(made) == made


def test_long_keys_that_begin_alike_stay_different() -> None:
    beginning = "é" * KEY_OCTETS
    assert key(beginning + "1") != key(beginning + "2")
    assert key(beginning + "1").startswith("é" * 300)


@given(st.lists(ANY_TEXT, max_size=4))
def test_only_plain_text_needs_no_look(texts: list[str]) -> None:
    if is_plain(*texts):
        assert [key(each) for each in texts] == texts


def test_plain_wishes_are_passed_on_as_they_are() -> None:
    mail, routed = fetched_mail(), routed_mail("bob@corp.example")
    outcomes = Outcomes("m1", ((outcome_of("bob@corp.example", RecipientStatus.DELIVERED), 1),))
    assert safe_fetched(mail) is mail
    assert safe_routed(routed) is routed
    assert safe_outcomes(outcomes) is outcomes


def test_every_text_of_a_routed_mail_is_made_safe() -> None:
    hostile = "\0" + "x" * 5000
    wish = routed_mail(
        identity=hostile,
        message_id=hostile,
        reverse_path=hostile,
        evidence=hostile,
        recipients=(ChosenRecipient(hostile, hostile, hostile),),
        rejected=(hostile,),
        park_reason=hostile,
    )
    made = safe_routed(wish)
    [recipient] = made.recipients
    assert made.identity == recipient.address == key(hostile)
    assert (
        made.reverse_path
        == made.evidence
        == made.park_reason
        == recipient.original
        == recipient.reason
        == safe(hostile)
    )
    assert made.rejected == (safe(hostile),)
    assert made.message_id == safe(hostile)[: KEY_OCTETS // 4]


def test_every_text_of_an_outcome_is_made_safe() -> None:
    outcome = outcome_of("a\0", RecipientStatus.DEFERRED, code="\0", text="\0", destination="b\0")
    [(made, attempt)] = safe_outcomes(Outcomes("m1", ((outcome, 3),))).outcomes
    assert (made.address, made.destination, made.code, made.text) == (
        "a\\u0000",
        "b\\u0000",
        "\\u0000",
        "\\u0000",
    )
    assert attempt == 3


def test_a_uid_is_made_safe_but_not_shorter() -> None:
    uid = "\0" + "x" * 5000
    assert safe_fetched(fetched_mail(key=LedgerKey("\0", 1, uid))).key == LedgerKey(
        "\\u0000", 1, "\\u0000" + "x" * 5000
    )
