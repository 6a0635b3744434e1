"""Sentences of the engine are found by their patterns and written in the reader's language."""

from __future__ import annotations

from datetime import datetime

import pytest

from services.control.console.sentences import LONGEST, Sentences

GERMAN = Sentences(
    {
        "ok": "in Ordnung",
        "out of reach since {since}: {reason}": "nicht erreichbar seit {since}: {reason}",
        "the server refused the login: {answer}": "der Server lehnt die Anmeldung ab: {answer}",
        "{problem} ({failures} times in a row)": "{problem} ({failures}-mal in Folge)",
        "The connection was lost: {reason}.": "Die Verbindung brach ab: {reason}.",
        "it was closed": "sie wurde geschlossen",
        "{number} mails": "{number} Mails",
        "{lost} lost": "{lost} verloren",
    }
)


def shown(moment: datetime) -> str:
    return f"<{moment:%d.%m. %H:%M %Z}>"


@pytest.mark.parametrize(
    ("sentence", "wanted"),
    [
        ("ok", "in Ordnung"),
        ("3 mails lost", "3 Mails verloren"),
        ("out of reach since 2026-12-01 06:00: ok", "nicht erreichbar seit <01.12. 06:00 UTC>: in Ordnung"),
        (
            "the server refused the login: -ERR ok (3 times in a row)",
            "der Server lehnt die Anmeldung ab: -ERR ok (3-mal in Folge)",
        ),
        ("the server refused the login: ok", "der Server lehnt die Anmeldung ab: ok"),
        ("3 mails lost; something new; ok", "3 Mails verloren; something new; in Ordnung"),
        ("something new", "something new"),
        ("The connection was lost: it was closed.", "Die Verbindung brach ab: sie wurde geschlossen."),
        (
            "The connection was lost: ok (2 times in a row)",
            "Die Verbindung brach ab: in Ordnung (2-mal in Folge)",
        ),
        ("the server refused the login: {problem}", "der Server lehnt die Anmeldung ab: {problem}"),
        ("", ""),
    ],
)
def test_a_sentence_is_written_from_the_translation_of_its_pattern(sentence: str, wanted: str) -> None:
    assert GERMAN.translated(sentence, shown) == wanted


def test_a_sentence_of_absurd_length_is_left_as_it_is() -> None:
    sentence = "the server refused the login: " + "x" * LONGEST
    assert GERMAN.translated(sentence, shown) == sentence
