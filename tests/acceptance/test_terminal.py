"""What a person sees at a terminal of 80 columns."""

from __future__ import annotations

import re
from pathlib import Path

from tests.fakes.command import configured
from tests.servers.ports import free_port
from tests.servers.terminal import Terminal

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
EIGHTY = {"TERM": "xterm", "COLUMNS": "80"}


def lines_of(shown: str) -> list[str]:
    return [CONTROL.sub("", each).rstrip() for each in re.split(r"[\r\n]+", shown)]


def test_a_pass_shows_bars_with_numbers_and_each_retry_above_them_and_then_a_line_for_each_account(
    tmp_path: Path,
) -> None:
    port = free_port()
    path = configured(tmp_path, source=port, target=1)
    path.write_text(path.read_text().replace("retries = 1", "retries = 2"))
    with Terminal("once", "-c", path, environ=EIGHTY) as terminal:
        assert terminal.end() == 75
    with Terminal("status", "-c", path, environ=EIGHTY) as status:
        assert status.end() == 0
    refused = f"Connecting to 127.0.0.1:{port} failed: Connection refused"
    lines = lines_of(terminal.shown)
    assert any(re.match(r"Accounts visited +━+ 0 of 1$", each) for each in lines)
    assert any(each.startswith(f"acme/inbox: {refused}; attempt 2 of 2 in ") for each in lines)
    for shown in (lines, lines_of(status.shown)):
        table = [each for each in shown if not each.startswith("acme/inbox: ")]
        assert f"        {refused}" in [each.rstrip(".") for each in table]
        assert [each for each in table if len(each) > 80] == []
    assert "1 account, 1 not complete: 0 fetched" in " ".join(lines)
    assert "1 account: 1 red" in lines_of(status.shown)
