"""What is wrong with a text that is no TOML is said in words, and no value is repeated."""

from __future__ import annotations

import tomllib

import pytest

from shared.config.toml_errors import syntax_problem


def problem(text: str) -> tuple[int, str]:
    with pytest.raises(tomllib.TOMLDecodeError) as refusal:
        tomllib.loads(text)
    return syntax_problem(text, str(refusal.value))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("url = smtp://x\n", 1, 'the value of "url" cannot be read; text stands in quotes: url = "…"'),
        ('"acme.com" = keep\n', 1, 'text stands in quotes: "acme.com" = "…"'),
        ("a = “x”\n", 1, 'the value of "a" is in typographic quotation marks; write a = "…"'),
        ("x = 1\na\n", 2, 'a key stands without its value; write key = "value"'),
        ("[a\n", 1, "the name of a section is not closed"),
        ("ä = 1\n", 1, "a line begins with a key"),
        ('a = "x\n"\n', 1, "the line ends within quotation marks"),
        ("a = 'b", 1, "text that begins with a quotation mark does not end with one"),
        ('a = "x" y\n', 1, "something stands behind the value"),
        ('a = "c:\\dir"\n', 1, "a backslash begins an escape"),
        ("a = 1\na = 2\n", 2, "this key is there already"),
        ("a = {b = 1 c = 2}\n", 1, "its keys are not separated by commas"),
        ("a = [1 2]\n", 1, "its values are not separated by commas"),
        ("a = {b = 1, b = 2}\n", 1, 'the key "b" is there twice'),
        ("a = {b = 1}\na.c = 2\n", 2, '"a" is given in two ways'),
        ("a = \x00", 1, "the value of"),
    ],
)
def test_a_syntax_error_is_said_in_words(text: str, line: int, words: str) -> None:
    number, sentence = problem(text)
    assert number == line
    assert words in sentence


@pytest.mark.parametrize(
    "text",
    ["password = gEhEiM\n", "password = “gEhEiM”\n", 'password = "gEhEiM\n', 'password = "x" gEhEiM\n'],
)
def test_a_value_is_never_repeated(text: str) -> None:
    assert "gEhEiM" not in problem(text)[1]
