"""Stylesheets, scripts and pictures: read once, served under URLs that change with their content."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
FOREVER = "public, max-age=31536000, immutable"
"""A URL never gets another content: its digest would differ."""


class Asset(NamedTuple):
    """A file. `packed` is its content in gzip."""

    url: str
    type: str
    content: bytes
    packed: bytes


class Assets:
    """The files of the folder `static`."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._by_name: dict[str, Asset] = {}
        for path in sorted(each for each in folder.rglob("*") if each.suffix in TYPES):
            name, content = path.relative_to(folder).as_posix(), path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:16]
            url = f"{PREFIX}/{digest}/{name}"
            self._by_name[name] = Asset(url, TYPES[path.suffix], content, gzip.compress(content, mtime=0))
        self._by_url: Mapping[str, Asset] = {each.url: each for each in self._by_name.values()}

    def url(self, name: str) -> str:
        """Return the URL of a file, by its path in the folder."""
        return self._by_name[name].url

    async def serve(self, request: Request) -> Response:
        """Answer a request for a file."""
        asset = self._by_url.get(request.url.path)
        if asset is None:
            raise HTTPException(404)
        head = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            return Response(asset.packed, 200, {**head, "Content-Encoding": "gzip"}, asset.type)
        return Response(asset.content, 200, head, asset.type)
