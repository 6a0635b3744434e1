"""A blank around a secret is part of it, and was hardly meant."""

from __future__ import annotations

import pytest

from tests.fakes.configuration import WHOLE, ConfigurationFile, account

SENTENCE = "the secret begins or ends with a blank, which is sent, too; remove it"


def blanks(file: ConfigurationFile, text: str, environ: dict[str, str] | None = None) -> list[str]:
    return [each for each in file.load(text, environ).warnings if SENTENCE in each]


@pytest.mark.parametrize("secret", [" geheim", "geheim ", "geheim\t"])
def test_a_blank_around_a_secret_is_reported_wherever_it_is_given(
    file: ConfigurationFile, secret: str
) -> None:
    written = secret.replace("\t", "\\t")
    (sentence,) = blanks(file, account(f'password = "{written}"', without=("password",)))
    assert sentence == f'{file.path}:13: accounts "acme/catchall": "password": {SENTENCE}'
    (file.path.parent / "p").write_text(secret + "\n")
    (sentence,) = blanks(file, account('password_file = "p"', without=("password",)))
    assert '"password_file"' in sentence
    (sentence,) = blanks(file, account('password_env = "P"', without=("password",)), {"P": secret})
    assert '"password_env"' in sentence


def test_a_blank_within_a_secret_and_a_line_end_after_it_are_not_reported(file: ConfigurationFile) -> None:
    (file.path.parent / "p").write_text("ge heim\r\n")
    assert blanks(file, WHOLE) == []
    assert blanks(file, account('password_file = "p"', without=("password",))) == []
