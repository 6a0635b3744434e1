"""Decode a text file that a person wrote with any editor.

Editors on Windows put a byte order mark (BOM) in front. PowerShell writes UTF-16 with a mark.
"""

from __future__ import annotations

import codecs


def text_of(content: bytes, errors: str = "strict") -> str:
    """Return the text: UTF-8, or UTF-16 behind its byte order mark, without the mark.

    `errors` is that of `bytes.decode`. Line ends stay as they are. Raises `UnicodeDecodeError`.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors)
    return content.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors)
