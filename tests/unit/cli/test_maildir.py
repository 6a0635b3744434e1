"""A mail in a Maildir is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cli.maildir import NoMaildir, maildir_file


def files(directory: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_a_mail_appears_under_new_when_it_is_whole(tmp_path: Path) -> None:
    with maildir_file(tmp_path / "box", "m1") as file:
        file.write(b"From: a\r\n")
        file.flush()
        assert files(tmp_path) == {"tmp": b"From: a\r\n"}
    assert files(tmp_path) == {"new": b"From: a\r\n"}
    assert sorted(path.name for path in (tmp_path / "box").iterdir()) == ["cur", "new", "tmp"]


def test_a_mail_that_could_not_be_read_to_its_end_leaves_nothing(tmp_path: Path) -> None:
    def half() -> None:
        with maildir_file(tmp_path, "m1") as file:
            file.write(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        half()
    assert files(tmp_path) == {}


def test_a_place_that_cannot_be_a_maildir_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NoMaildir, match="cannot be written to"), maildir_file(tmp_path / "file", "m1"):
        pass
