"""The page that tells what came of a sign-in at a provider."""

from __future__ import annotations

import httpx2
from bs4 import BeautifulSoup


def sentence_of(answer: httpx2.Response) -> str:
    """Return the one sentence of the page."""
    [told] = BeautifulSoup(answer.text, "html.parser").select("p.sentence")
    return told.get_text().strip()
