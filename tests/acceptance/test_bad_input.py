"""A file with a mistake of every kind: one run reports each mistake once, and starts nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.ferry import Ferry

FILE = """\
store.url = "sqlite:mailferry.db"
metrics.listen = ""
control.listen = ""

[relay]
retry_dealys = ["1m"]
helo_name = "ferry.corp.example"
[[targets]]
name = "exchange"
url = "smtp://mail.corp.example"
username = "ferry"
password_file = "."

[[accounts]]
name = "first"
source = "pop3s://first@pop.isp.example"
password = "geheim"
target = "exhange"
mailbox = "single"
recipient = "bob@corp.example"
poll = true

[[accounts]]
name = "second"
source = "pop3s://second@pop.isp.example"
password_file = "nowhere/second.password"
target = "exchange"
mailbox = "catch-all"
"""
MISTAKES = (
    (6, 'unknown key "retry_dealys"; did you mean "retry_delays"?'),
    (12, '"password_file": '),
    (18, '"target": there is no target "exhange"; did you mean "exchange"?'),
    (21, '"poll": expected a duration'),
    (23, '"domains" is missing: a catch-all mailbox'),
    (26, "second.password cannot be read: No such file or directory"),
)
"""The line of each mistake, and words of its sentence."""


@pytest.mark.parametrize("command", [("config", "check"), ("once",), ("run",)], ids=" ".join)
def test_every_mistake_is_reported_once_with_file_and_line(tmp_path: Path, command: tuple[str, ...]) -> None:
    with Ferry(tmp_path, FILE, database=False) as ferry:
        ended = ferry.call(*command)
    assert (ended.code, ended.out) == (78, "")
    reported = ended.err.splitlines()
    assert len(reported) == len(MISTAKES)
    for sentence, (line, words) in zip(reported, MISTAKES, strict=True):
        assert sentence.startswith(f"{ferry.path}:{line}: ")
        assert words in sentence
    assert "geheim" not in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["mailferry.toml"]
