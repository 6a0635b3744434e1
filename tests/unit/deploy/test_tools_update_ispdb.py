"""The script that makes the ISPDB's data, on a checkout of three files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shared.autoconfig.ispdb import read_data
from tests.fakes.autoconfig_documents import document, server
from tests.fakes.command import REPOSITORY

SCRIPT = REPOSITORY / "deploy" / "tools" / "update-ispdb"


def run(*arguments: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout" / "ispdb"
    folder.mkdir(parents=True)
    (folder / "b.example.xml").write_bytes(document(domain="b.example", name="B & B".replace("&", "&amp;")))
    plain = server("pop3", "pop.a.example", "110", "plain")
    (folder / "a.example.xml").write_bytes(document(plain, domain="a.example"))
    (folder / "broken.example.xml").write_bytes(b'<clientConfig><documentation url="?a=b&c=d"/>')
    return tmp_path / "checkout"


def test_the_facts_of_each_readable_file_are_in_the_data(checkout: Path, tmp_path: Path) -> None:
    made = tmp_path / "ispdb.json"
    done = run(checkout, made)
    assert done.returncode == 0
    assert "broken.example.xml is left out: it is not XML" in done.stderr
    assert "2 providers" in done.stderr
    first, second = read_data(made.read_text())
    assert (first.domains, [each.host for each in first.servers]) == (("a.example",), ["pop.a.example"])
    assert (second.name, [each.protocol for each in second.servers]) == ("B & B", ["imap", "pop3"])


def test_the_same_files_make_the_same_data(checkout: Path, tmp_path: Path) -> None:
    run(checkout, tmp_path / "one")
    run(checkout, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_source_and_the_terms_are_in_the_data(checkout: Path, tmp_path: Path) -> None:
    made = tmp_path / "ispdb.json"
    run(checkout, made)
    text = made.read_text()
    assert "https://github.com/thunderbird/autoconfig" in text
    assert '"terms"' in text


def test_a_call_without_a_checkout_is_explained() -> None:
    done = run()
    assert (done.returncode, done.stderr) == (2, "usage: update-ispdb CHECKOUT [FILE]\n")
