"""Decodes a foreign file: UTF-8 with or without a byte order mark, UTF-16 with one, or Windows' code page."""

from __future__ import annotations

from shared.importing.result import Finding, UnreadableImport
from shared.model.text_file import text_of

WINDOWS = "cp1252"


def decoded(content: bytes) -> tuple[str, list[Finding]]:
    """Return the text with LF as its line end, and a finding where the encoding had to be assumed.

    Raises `UnreadableImport`.
    """
    findings = []
    try:
        text = text_of(content)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        try:
            text = content.decode(WINDOWS)
        except UnicodeDecodeError:
            raise UnreadableImport(line, "the text is neither UTF-8 nor Windows-1252") from None
        sentence = (
            "the file is not UTF-8, so it was read as Windows-1252; see that names and passwords are right"
        )
        findings.append(Finding(line, "encoding", sentence))
    if "\0" in text:
        raise UnreadableImport(text[: text.index("\0")].count("\n") + 1, "there is a NUL, so this is no text")
    return text.replace("\r\n", "\n").replace("\r", "\n"), findings
