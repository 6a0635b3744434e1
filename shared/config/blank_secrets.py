"""Finds secrets with blanks around them: they are part of what is sent at a login, and were hardly meant."""

from __future__ import annotations

from collections.abc import Mapping

from shared.config.document import Document
from shared.config.exposed_secrets import FILE, URLS, texts_of
from shared.config.problems import Problems
from shared.config.secrets import LARGEST_SECRET
from shared.config.settings import SECRETS
from shared.model.text_file import text_of

VARIABLE = "_env"


def blank_secrets(document: Document, environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each secret that begins or ends with a blank, wherever it is given."""
    problems = Problems(document)
    for path, value in texts_of(document.data):
        key = str(path[-1])
        if key in SECRETS and key not in URLS:
            secret: str | None = value
        elif key.endswith(FILE) and key.removesuffix(FILE) in SECRETS:
            secret = _content(document, value)
        elif key.endswith(VARIABLE) and key.removesuffix(VARIABLE) in SECRETS:
            secret = environ.get(value)
        else:
            continue
        if secret is not None and secret != secret.strip(" \t"):
            problems.add_problem(
                path, f'"{key}": the secret begins or ends with a blank, which is sent, too; remove it'
            )
    return problems.sentences()


def _content(document: Document, file: str) -> str | None:
    """Return the secret in a file without its line end; None where it is not readable."""
    try:
        with document.absolute_path(file).open("rb") as opened:
            return text_of(opened.read(LARGEST_SECRET)).removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError):
        return None
