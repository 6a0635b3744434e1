"""The backup scripts, with SQLite and PostgreSQL, around a Mailferry that carries mail."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.command import REPOSITORY
from tests.fakes.database import write_empty_database
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tag_of, tagged
from tests.servers.dovecot import Login
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.postgres import Postgres

SCRIPTS = REPOSITORY / "deploy" / "backup"
REFUSED = "nobody@corp.example"


def letter(tag: str) -> tuple[str, bytes]:
    return f"uid-{tag}", tagged(tag).raw


def script(
    name: str, argument: Path, store: str, blobs: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    variables = {"PATH": os.environ["PATH"], "STORE": store, "BLOBS": blobs, **environ}
    return subprocess.run(
        [SCRIPTS / name, argument], check=False, capture_output=True, text=True, env=variables
    )


def contents(directory: Path) -> Mapping[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


@dataclass(frozen=True)
class Place:
    """A Mailferry between a source and a target, and what the scripts have to know of it."""

    ferry: Ferry
    source: Pop3Server
    target: SmtpServer
    store: str
    blobs: Path
    backups: Path

    def backup(self, **environ: str) -> Path:
        """Make a backup, and return its directory."""
        done = script("mailferry-backup", self.backups, self.store, str(self.blobs), **environ)
        assert done.returncode == 0, done.stderr
        return Path(done.stdout.strip())

    def restore(self, backup: Path, store: str = "") -> subprocess.CompletedProcess[str]:
        return script("mailferry-restore", backup, store or self.store, str(self.blobs))

    def arrived(self) -> list[str]:
        return [tag_of(mail.content) for mail in self.target.accepted]


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """On SQLite, or where the test is given `postgres`, on PostgreSQL."""
    source = Pop3Server({"u": [letter("first")], "p": [letter("parked")]})
    refusing = SmtpServer(recipients={REFUSED: "550 5.1.1 No such user"})
    with in_background(source), in_background(refusing) as target:
        boxes = [
            account("bob", source.port, Login("u", "secret")),
            account("nobody", source.port, Login("p", "secret")),
        ]
        if "postgres" in request.fixturenames:
            server: Postgres = request.getfixturevalue("postgres")
            store = server.create_database()
            text = configuration(
                boxes, servers=f'store.url = "{store}"\nbroker.url = "memory:"', target=target.port
            )
        else:
            store = str(tmp_path / "mailferry.db")
            text = configuration(boxes, target=target.port)
        with Ferry(tmp_path, text) as ferry:
            assert ferry.call("db", "upgrade").code == 0
            yield Place(ferry, source, target, store, tmp_path / "blobs", tmp_path / "backups")


def carried(place: Place) -> None:
    assert place.ferry.call("once").code in (0, 75)


def remove_database(place: Place) -> None:
    """Lose the database. The key of its secrets has a backup of its own, from which it is put back."""
    for file in place.ferry.directory.glob("mailferry.db*"):
        if file.suffix != ".key":
            file.unlink()


def mail_goes_on_and_nothing_is_deleted_until_it_is_confirmed(place: Place) -> None:
    place.source.maildrops["u"].mails.append(letter("third"))
    deleted = place.source.deleted("u")
    carried(place)
    assert place.arrived()[-1] == "third"
    assert place.source.deleted("u") == deleted
    parked = json.loads(place.ferry.call("parked", "list", "-o", "json").out)
    assert [each["recipient"] for each in parked] == [REFUSED]
    assert place.ferry.call("journal", "verify").code == 0
    assert place.ferry.call("epoch", "confirm", "--yes").code == 0
    carried(place)
    assert place.source.deleted("u")[-1] == "uid-third"


def test_a_restored_sqlite_database_carries_on_and_pauses_deletion(place: Place) -> None:
    carried(place)
    backup = place.backup()
    assert {path.name for path in backup.iterdir()} == {"mailferry.db", "blobs.tar", "SHA256SUMS"}
    place.source.maildrops["u"].mails.append(letter("second"))
    carried(place)
    refused = place.restore(backup)
    assert refused.returncode == 1
    assert "move it away" in refused.stderr
    remove_database(place)
    assert place.restore(backup).returncode == 0
    mail_goes_on_and_nothing_is_deleted_until_it_is_confirmed(place)


def test_a_restored_postgresql_database_carries_on_and_pauses_deletion(
    place: Place, postgres: Postgres
) -> None:
    carried(place)
    backup = place.backup()
    assert {path.name for path in backup.iterdir()} == {"database.dump", "blobs.tar", "SHA256SUMS"}
    place.source.maildrops["u"].mails.append(letter("second"))
    carried(place)
    assert place.restore(backup).returncode != 0, "a database with tables in it is not empty"
    name = place.store.rpartition("/")[2]
    postgres.execute("postgres", f"DROP DATABASE {name} WITH (FORCE)", f"CREATE DATABASE {name}")
    assert place.restore(backup).returncode == 0
    mail_goes_on_and_nothing_is_deleted_until_it_is_confirmed(place)


def test_where_the_blobs_were_lost_as_well_parked_mail_comes_back_and_deletion_is_paused(
    place: Place,
) -> None:
    carried(place)
    backup = place.backup()
    before = contents(place.blobs)
    assert len(before) > 1, "the marker and a parked mail"
    shutil.rmtree(place.blobs)
    remove_database(place)
    assert place.restore(backup).returncode == 0
    after = contents(place.blobs)
    assert after.keys() == before.keys()
    assert {name for name in before if before[name] != after[name]} == {
        name for name in before if name.endswith("epoch+witness")
    }
    mail_goes_on_and_nothing_is_deleted_until_it_is_confirmed(place)


def test_a_blob_that_is_newer_than_the_backup_is_kept(place: Place) -> None:
    carried(place)
    backup = place.backup()
    newer = place.blobs / "ab" / "parked+newer"
    newer.parent.mkdir(exist_ok=True)
    newer.write_bytes(b"the only copy")
    (place.ferry.directory / "mailferry.db").rename(place.ferry.directory / "old.db")
    assert place.restore(backup).returncode == 0
    assert newer.read_bytes() == b"the only copy"


def test_a_damaged_backup_is_not_restored(place: Place) -> None:
    carried(place)
    backup = place.backup()
    with (backup / "mailferry.db").open("r+b") as file:
        file.seek(100)
        file.write(b"damaged")
    (place.ferry.directory / "mailferry.db").rename(place.ferry.directory / "old.db")
    assert place.restore(backup).returncode != 0
    assert not (place.ferry.directory / "mailferry.db").exists()


def test_the_oldest_go_when_a_new_one_is_complete_and_its_time_is_told(place: Place, tmp_path: Path) -> None:
    metrics = tmp_path / "textfiles"
    metrics.mkdir()
    place.backups.mkdir()
    for day in range(1, 5):
        (place.backups / f"2026010{day}T000000Z").mkdir()
    newest = place.backup(KEEP="3", NODE_EXPORTER_TEXTFILES=str(metrics))
    assert {path.name for path in place.backups.iterdir()} == {
        "20260103T000000Z",
        "20260104T000000Z",
        newest.name,
    }
    told = (metrics / "mailferry-backup.prom").read_text().splitlines()[-1].split()
    assert told[0] == "mailferry_backup_last_success_timestamp_seconds"
    assert int(told[1]) > 1_700_000_000


def test_a_backup_that_fails_leaves_the_old_ones_and_no_half_one(tmp_path: Path) -> None:
    backups = tmp_path / "backups"
    (backups / "20260101T000000Z").mkdir(parents=True)
    done = script("mailferry-backup", backups, str(tmp_path / "missing.db"), "", KEEP="1")
    assert done.returncode != 0
    assert [path.name for path in backups.iterdir()] == ["20260101T000000Z"]


def test_a_backup_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    write_empty_database(tmp_path / "mailferry.db")
    done = script("mailferry-backup", tmp_path / "backups", str(tmp_path / "mailferry.db"), "")
    backup = Path(done.stdout.strip())
    assert {path.stat().st_mode & 0o077 for path in [backup, *backup.iterdir()]} == {0}
