"""An exported mail is private, whole, and never in the place of something else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.mail_file import FileNotWritten, mail_file, maildir_file


@pytest.fixture(autouse=True)
def generous_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_only_the_owner_may_read_an_exported_mail(tmp_path: Path) -> None:
    with mail_file(tmp_path / "mail.eml") as file:
        file.write(b"From: a\r\n")
    assert (tmp_path / "mail.eml").read_bytes() == b"From: a\r\n"
    assert mode(tmp_path / "mail.eml") == 0o600


def test_only_the_owner_may_read_a_mail_in_a_maildir(tmp_path: Path) -> None:
    with maildir_file(tmp_path, "m1") as file:
        file.write(b"From: a\r\n")
    (mail,) = (tmp_path / "new").iterdir()
    assert mode(mail) == 0o600


def test_a_file_that_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mail.eml"
    path.write_bytes(b"precious")
    with (
        pytest.raises(FileNotWritten, match=r"mail\.eml exists already and is not overwritten"),
        mail_file(path),
    ):
        pass
    assert path.read_bytes() == b"precious"


def test_no_symbolic_link_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "mail.eml"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileNotWritten, match="exists already"), mail_file(path):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_mail_that_could_not_be_read_to_its_end_leaves_no_file(tmp_path: Path) -> None:
    def half() -> None:
        with mail_file(tmp_path / "mail.eml") as file:
            file.write(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        half()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_missing_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(FileNotWritten, match="No such file or directory"),
        mail_file(tmp_path / "no" / "mail"),
    ):
        pass


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
    with pytest.raises(FileNotWritten, match="cannot be written to"), maildir_file(tmp_path / "file", "m1"):
        pass
