"""Key files: made once, never written over, changed only by adding, read again when they were replaced."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.config.configuration import KeyLocation
from shared.runtime.secret_keys import (
    KeyRing,
    KeysUnusable,
    change_key_file,
    make_key_file,
    new_key,
    open_key_ring,
    read_key_file,
    read_keys,
)
from shared.secrets.keys import SecretKey, SecretKeys, written_keys

NEW, OLD = SecretKey(b"n" * 32), SecretKey(b"o" * 32)


def opened(location: KeyLocation, counts: Mapping[str, int] | None = None) -> KeyRing | None:
    """The keys that a start finds where the database has so many secrets under each key."""

    async def key_counts() -> Mapping[str, int]:
        return counts or {}

    return asyncio.run(open_key_ring(location, key_counts))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mailferry.db.key"


def write_keys(file: Path, *keys: SecretKey) -> Path:
    file.touch(mode=0o600)
    file.write_text(written_keys(keys).get_secret_value())
    return file


def test_the_first_start_makes_a_key_beside_the_database_for_its_owner_alone(file: Path) -> None:
    ring = opened(KeyLocation(beside=file))
    assert ring is not None
    assert read_key_file(file) == (ring.keys().current,)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_the_next_start_finds_the_same_key(file: Path) -> None:
    first = opened(KeyLocation(beside=file))
    second = opened(KeyLocation(beside=file), {"any": 1})
    assert first is not None
    assert second is not None
    assert first.keys() == second.keys()


def test_no_key_is_made_anew_where_secrets_are_sealed_already(file: Path) -> None:
    with pytest.raises(KeysUnusable) as refusal:
        opened(KeyLocation(beside=file), {OLD.id: 3, NEW.id: 4})
    assert f"sealed under {OLD.id} and {NEW.id} (7 in all)" in str(refusal.value)
    assert not file.exists()


def test_a_configured_key_file_that_is_missing_is_not_made_by_a_start(file: Path) -> None:
    with pytest.raises(KeysUnusable, match="`mailferry secrets init` makes it"):
        opened(KeyLocation(file=file))
    assert not file.exists()


def test_without_a_configured_key_postgresql_has_none() -> None:
    assert opened(KeyLocation()) is None


def test_of_many_who_make_the_file_at_once_all_find_the_same_key(file: Path) -> None:
    def made(_number: int) -> tuple[bool, Sequence[SecretKey]]:
        return make_key_file(file), read_key_file(file)

    with ThreadPoolExecutor(16) as threads:
        results = [*threads.map(made, range(64))]
    assert [was_us for was_us, _ in results].count(True) == 1
    assert {keys for _, keys in results} == {read_key_file(file)}
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_of_many_who_change_the_file_at_once_none_loses_the_key_of_another(file: Path) -> None:
    """Or what was sealed under it in between would be lost."""
    make_key_file(file)
    before = read_key_file(file)

    def add(_number: int) -> SecretKey:
        key = new_key()
        change_key_file(file, lambda known: [key, *known])
        return key

    with ThreadPoolExecutor(16) as threads:
        added = [*threads.map(add, range(64))]
    assert {*added, *before} == {*read_key_file(file)}


def test_a_change_that_would_drop_a_key_is_refused(file: Path) -> None:
    write_keys(file, NEW, OLD)
    with pytest.raises(ValueError, match="may be needed"):
        change_key_file(file, lambda known: known[:1])
    assert read_key_file(file) == (NEW, OLD)


def test_a_changed_file_keeps_its_mode(file: Path) -> None:
    write_keys(file, OLD).chmod(0o640)
    change_key_file(file, lambda known: [NEW, *known])
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert read_key_file(file) == (NEW, OLD)
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_link_to_a_key_file_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(write_keys(file, OLD))
    change_key_file(link, lambda known: [NEW, *known])
    assert link.is_symlink()
    assert read_key_file(file) == (NEW, OLD)


def test_the_first_key_seals_and_those_of_old_files_open(tmp_path: Path) -> None:
    location = KeyLocation(
        file=write_keys(tmp_path / "now", NEW), old_files=(write_keys(tmp_path / "before", OLD, NEW),)
    )
    assert read_keys(location) == SecretKeys(NEW, (OLD,))


def test_a_key_of_the_environment_seals(tmp_path: Path) -> None:
    given = SecretStr(NEW.written.get_secret_value())
    old_files = (write_keys(tmp_path / "before", OLD),)
    location = KeyLocation(variable="KEY", given=given, old_files=old_files, beside=tmp_path / "unused")
    assert read_keys(location) == SecretKeys(NEW, (OLD,))
    assert NEW.written.get_secret_value() not in repr(location)


def test_a_file_that_was_replaced_is_read_again(file: Path) -> None:
    ring = KeyRing(KeyLocation(file=write_keys(file, OLD)))
    assert ring.keys() == SecretKeys(OLD)
    change_key_file(file, lambda known: [NEW, *known])
    assert ring.keys() == SecretKeys(NEW, (OLD,))


def test_a_file_that_did_not_change_is_not_read_again(file: Path) -> None:
    ring = KeyRing(KeyLocation(file=write_keys(file, OLD)))
    assert ring.keys() is ring.keys()


@pytest.mark.parametrize("content", [None, "", "nonsense"])
def test_known_keys_stay_in_use_while_their_file_is_unusable(file: Path, content: str | None) -> None:
    ring = KeyRing(KeyLocation(file=write_keys(file, OLD)))
    before = ring.keys()
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    assert ring.keys() == before
    file.unlink(missing_ok=True)
    write_keys(file, NEW, OLD)
    assert ring.keys() == SecretKeys(NEW, (OLD,))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it holds no key"),
        (b"geheim", "32 bytes in base64"),
        (b"\xff\xfe\xff", "it is not text"),
        (b"\xff" * 9, "it is not text"),
    ],
)
def test_a_file_that_holds_no_keys_is_refused_without_its_content(
    file: Path, content: bytes, reason: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(KeysUnusable, match=reason) as refusal:
        read_key_file(file)
    assert str(file) in str(refusal.value)
    assert "geheim" not in str(refusal.value)


def test_a_directory_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeysUnusable, match="create its directory"):
        make_key_file(tmp_path / "nowhere" / "key")


def test_a_directory_in_place_of_a_file_is_an_error_of_the_operator(tmp_path: Path) -> None:
    with pytest.raises(KeysUnusable, match="cannot be read"):
        read_key_file(tmp_path)
