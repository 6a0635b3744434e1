"""The keys of sealed secrets: reads them where the configuration says they are, and makes the first one.

A new key file is written under another name, made durable, and gets its name only if no file has it. So two
processes that begin at once agree on one key, and no secret is sealed under a key that a power cut could take
away. A key file is changed only by one that holds all its keys.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog

from shared.config.configuration import KeyLocation
from shared.model.errors import Fault, MailferryError
from shared.model.text_file import text_of
from shared.secrets.keys import KEY_OCTETS, SecretKey, SecretKeys, UnusableKey, parse_keys, written_keys

log = structlog.get_logger("mailferry.secrets")

LARGEST_FILE = 64 * 1024
"""Octets that are read: more than a thousand keys."""
Stamp = tuple[int, int, int]
"""What of a file's status changes when it is replaced."""


class KeysUnusable(MailferryError):
    """There is no key to seal with, or a key file cannot be read or made."""

    temporary = False
    fault = Fault.OPERATOR


class KeyRing:
    """The keys as their files hold them now, so that a rotation takes effect without a restart.

    A file is read again when it has been replaced; to ask costs a look at its status. Ask after the rows were
    read that are to be unsealed: their key is in its file before any row is sealed under it. A file that has
    become unusable is logged, and the keys that are known stay in use: mail goes on while the operator mends
    it.
    """

    def __init__(self, location: KeyLocation) -> None:
        self._location = location
        self._known: tuple[Sequence[Stamp], SecretKeys] | None = None

    def keys(self) -> SecretKeys:
        """Return the keys. Raises `KeysUnusable`."""
        stamps = [_stamp(file) for file in files_of(self._location)]
        if self._known is not None and self._known[0] == stamps:
            return self._known[1]
        try:
            keys = read_keys(self._location)
        except KeysUnusable as problem:
            if self._known is None:
                raise
            keys = self._known[1]
            log.error("key file unusable", reason=str(problem))
        self._known = (stamps, keys)
        return keys


def key_ring(location: KeyLocation) -> KeyRing | None:
    """Return the keys of this installation, read when they are needed; None where none are configured."""
    is_configured = location.key_file is not None or location.variable is not None
    return KeyRing(location) if is_configured else None


async def open_key_ring(
    location: KeyLocation, key_counts: Callable[[], Awaitable[Mapping[str, int]]]
) -> KeyRing | None:
    """Return the keys of this installation; None where the configuration names none, on PostgreSQL.

    With SQLite and without a configured key, the first one is made beside the database, unless there are
    sealed secrets already: `key_counts` is that of the store. Raises `KeysUnusable`.
    """
    ring = key_ring(location)
    if ring is None:
        return None
    if location.file is None and location.key_file is not None and not location.key_file.exists():
        refuse_beside_sealed(location.key_file, await key_counts())
        make_key_file(location.key_file)
    ring.keys()
    return ring


def refuse_beside_sealed(file: Path, counts: Mapping[str, int]) -> None:
    """Raise `KeysUnusable` where the database has sealed secrets: a new key would open none of them."""
    if counts:
        raise KeysUnusable(
            f"the key file {file} is missing, and the database holds secrets sealed under "
            f"{' and '.join(sorted(counts))} ({sum(counts.values())} in all). Put the file back from its "
            "backup: a new key would open none of them. If the key is lost, see docs/secrets.md"
        )


def files_of(location: KeyLocation) -> list[Path]:
    """The key files, the current key's first."""
    return [*([location.key_file] if location.key_file else []), *location.old_files]


def read_keys(location: KeyLocation) -> SecretKeys:
    """Return the current key and the older ones. Raises `KeysUnusable`."""
    found: list[SecretKey] = []
    if location.given is not None:
        found += parse_keys(location.given.get_secret_value())
    for file in files_of(location):
        found += read_key_file(file)
    if not found:
        raise KeysUnusable("[secrets] names no key; `mailferry secrets init` makes one")
    current, *older = dict.fromkeys(found)
    return SecretKeys(current, tuple(older))


def read_key_file(file: Path) -> tuple[SecretKey, ...]:
    """Return the keys in a file. Raises `KeysUnusable`."""
    try:
        with file.open("rb") as opened:
            return parse_keys(text_of(opened.read(LARGEST_FILE)))
    except FileNotFoundError:
        raise KeysUnusable(
            f"the key file {file} does not exist. Put it there if the database holds secrets already; else "
            "`mailferry secrets init` makes it"
        ) from None
    except OSError as error:
        raise KeysUnusable(f"the key file {file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise KeysUnusable(f"the key file {file} holds no keys: it is not text") from None
    except UnusableKey as problem:
        raise KeysUnusable(f"the key file {file} cannot be used: {problem}") from None


def new_key() -> SecretKey:
    """Return a new random key."""
    return SecretKey(secrets.token_bytes(KEY_OCTETS))


def make_key_file(file: Path) -> bool:
    """Make a key file with a new key; return whether that was us. One that is there is left as it is.

    Raises `KeysUnusable`.
    """
    partial = _written_beside(file, [new_key()])
    try:
        os.link(partial, file)
    except FileExistsError:
        return False
    except OSError as error:
        raise _cannot_make(file, error) from error
    finally:
        partial.unlink(missing_ok=True)
        _make_name_durable(file)
    return True


def change_key_file(file: Path, change: Callable[[tuple[SecretKey, ...]], Sequence[SecretKey]]) -> None:
    """Put into the file what `change` makes of its keys, all of which it keeps. Raises `KeysUnusable`.

    Others who change the file wait meanwhile. The file keeps its mode and its owner, and a link to it stays a
    link.
    """
    file = file.resolve()
    with _locked(file):
        before = read_key_file(file)
        after = change(before)
        if not set(before) <= set(after):
            raise ValueError("a key that is in the file may be needed")
        _replace_key_file(file, after)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold the lock of the file's directory: the file itself is another one after each change."""
    with _directory_of(file) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def _replace_key_file(file: Path, keys: Sequence[SecretKey]) -> None:
    partial = _written_beside(file, keys)
    try:
        status = file.stat()
        os.chown(partial, status.st_uid, status.st_gid)
        partial.chmod(status.st_mode & 0o777)
        partial.replace(file)
    except OSError as error:
        raise _cannot_make(file, error) from error
    finally:
        partial.unlink(missing_ok=True)
    _make_name_durable(file)


def _written_beside(file: Path, keys: Sequence[SecretKey]) -> Path:
    """Write the keys, durably, into a new file beside `file`, and return its path."""
    partial = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _cannot_make(file, error) from error
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(written_keys(keys).get_secret_value().encode("ascii"))
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise _cannot_make(file, error) from error
    return partial


def _make_name_durable(file: Path) -> None:
    with _directory_of(file) as descriptor:
        try:
            os.fsync(descriptor)
        except OSError as error:
            raise _cannot_make(file, error) from error


@contextmanager
def _directory_of(file: Path) -> Iterator[int]:
    try:
        descriptor = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _cannot_make(file, error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _cannot_make(file: Path, error: OSError) -> KeysUnusable:
    hint = ""
    if error.errno == errno.ENOENT:
        hint = "; create its directory, for Mailferry's user alone"
    return KeysUnusable(f"the key file {file} cannot be written: {error.strerror}{hint}")


def _stamp(file: Path) -> Stamp:
    try:
        status = file.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_ino, status.st_mtime_ns, status.st_size)
