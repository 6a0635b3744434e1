"""What a look at the machine and at the whole shows, and the file alone does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared.operations.config_check import findings
from tests.fakes.configuration import WHOLE, ConfigurationFile

HERE = "amqp://guest@127.0.0.1/"
POSTGRES = "postgresql://m@127.0.0.1/m"


def found(tmp_path: Path, store: str, blobs: str, broker: str = "memory:") -> list[str]:
    file = ConfigurationFile(tmp_path)
    text = f'[broker]\nurl = "{broker}"\n[store]\nurl = "{store}"\n[blobs]\nurl = "{blobs}"\n{WHOLE}'
    return [each.replace(str(tmp_path), "…") for each in findings(file.load(text))]


def test_usable_directories_are_not_reported_and_blobs_are_made(tmp_path: Path) -> None:
    assert found(tmp_path, "sqlite:mailferry.db", "file:deep/blobs") == []


def test_a_directory_that_is_missing_is_named_with_its_line(tmp_path: Path) -> None:
    assert found(tmp_path, "sqlite:lib/mailferry.db", "file:blobs") == [
        (
            '…/mailferry.toml:4: [store] "url": the database cannot be made: there is no directory '
            "…/lib; make it for the user who runs Mailferry, or name another"
        )
    ]


def test_a_directory_that_this_user_may_not_write_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, _mode: not str(path).endswith("locked"))
    (tmp_path / "locked").mkdir()
    reason = "this user may not write into …/locked; change its owner or mode"
    assert found(tmp_path, "sqlite:locked/m.db", "file:locked/blobs") == [
        f'…/mailferry.toml:4: [store] "url": the database cannot be made: {reason}',
        f'…/mailferry.toml:6: [blobs] "url": blobs cannot be written: {reason}',
    ]


def test_a_file_in_place_of_the_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "blobs").touch()
    (sentence,) = found(tmp_path, "sqlite:m.db", "file:blobs")
    assert sentence.endswith("blobs cannot be written: …/blobs is not a directory")


def test_sqlite_does_not_fit_rabbitmq(tmp_path: Path) -> None:
    (sentence,) = found(tmp_path, "sqlite:m.db", "file:blobs", HERE)
    assert sentence.startswith('…/mailferry.toml:4: [store] "url": SQLite is for one process')


def test_blobs_of_one_machine_are_reported_where_others_may_work_too(tmp_path: Path) -> None:
    assert found(tmp_path, POSTGRES, "file:blobs", HERE) == []
    (sentence,) = found(tmp_path, POSTGRES, "file:blobs", "amqp://guest@mq.corp.example/")
    assert sentence.startswith('…/mailferry.toml:6: [blobs] "url": RabbitMQ can be on another machine.')
    assert found(tmp_path, POSTGRES, "s3://bucket", "amqp://guest@mq.corp.example/") == []
