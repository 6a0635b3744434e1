"""Files are served under URLs that change with their content, so browsers keep them."""

from __future__ import annotations

import pytest

from services.control.console.assets import FOREVER
from services.control.console.templates import assets
from tests.fakes.api import Api


async def test_a_file_is_kept_for_ever_and_sent_packed_to_who_takes_it(api: Api) -> None:
    url = assets().url("console.js")
    plain = await api.client.get(url, headers={"Accept-Encoding": "identity"})
    packed = await api.client.get(url, headers={"Accept-Encoding": "gzip"})
    assert plain.headers["Cache-Control"] == FOREVER
    assert packed.headers["Content-Encoding"] == "gzip"
    assert plain.content == packed.content
    assert int(packed.headers["Content-Length"]) < len(plain.content)


@pytest.mark.parametrize("path", ["/static/", "/static/0/console.js", "/static/../x.py", "/static/%2e%2e/x"])
async def test_nothing_else_is_served(api: Api, path: str) -> None:
    assert (await api.client.get(path)).status_code == 404
