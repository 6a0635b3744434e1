"""The keys of the secrets in the database: makes the first one, shows them, and changes them (rotation)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from shared.adapters.sql import open_store
from shared.config import Configuration
from shared.config.configuration import KeyLocation
from shared.model.errors import quoted
from shared.operations.context import OperatorContext
from shared.ports.store import Resealed, SealedSecret
from shared.runtime.checkpoints import reached
from shared.runtime.secret_keys import (
    KeysUnusable,
    change_key_file,
    files_of,
    make_key_file,
    new_key,
    read_key_file,
    read_keys,
    refuse_beside_sealed,
)
from shared.secrets.keys import SecretKeys
from shared.secrets.sealing import NONCE_OCTETS, KeyMissing, SecretUnreadable, seal, unseal

DEFAULT_FILE = "secrets.key"
"""Beside the configuration file, where that says nothing and the database is not a file."""
BATCH = 500
"""Secrets in one transaction. SQLite's only writer is held for some milliseconds by it."""
MOST_PASSES = 5
"""A process that has not seen the new key yet may seal under the old one behind the pass. The next pass finds
that; what comes after the last one stays readable and is found by the next rotation."""

Progress = Callable[[int, int], None]
"""Called with how many secrets were looked at, and how many there are to look at."""


class KeyRole(StrEnum):
    """What a key is for: it seals, it only opens, or it is needed and not here."""

    CURRENT = "current"
    OLDER = "older"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class KeyState:
    """A key, and how many secrets are sealed under it. `place` is a file or an environment variable."""

    id: str
    role: KeyRole
    secrets: int
    place: str | None


@dataclass(frozen=True, slots=True)
class FirstKey:
    """The key that was made, and its file; `is_configured`: Mailferry looks for it there."""

    key: str
    file: Path
    is_configured: bool


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did.

    `made_in`: the file into which it put the new key. `is_prepared`: other machines need that file before the
    key is used, so nothing was sealed under it yet. `resealed` secrets are now sealed under `key`.
    `unreadable` are sentences about secrets that could not be opened. `unneeded` keys open no secret any
    more, `needed` ones still do.
    """

    key: str
    made_in: Path | None = None
    is_prepared: bool = False
    resealed: int = 0
    unreadable: Sequence[str] = ()
    unneeded: Sequence[KeyState] = ()
    needed: Sequence[KeyState] = ()


async def make_first_key(configuration: Configuration) -> FirstKey:
    """Make the key of a new installation. Raises `KeysUnusable` where there is one, or one is missing."""
    location = configuration.secrets
    if location.variable is not None:
        raise KeysUnusable(f"the environment variable {location.variable} holds a key already")
    file = location.key_file or configuration.document.base / DEFAULT_FILE
    older = {key.id for old_file in location.old_files for key in read_key_file(old_file)}
    counts = {key: number for key, number in (await _counts(configuration)).items() if key not in older}
    if not file.exists():
        refuse_beside_sealed(file, counts)
    if not make_key_file(file):
        raise KeysUnusable(f"the key file {file} exists already, and is left as it is")
    return FirstKey(read_key_file(file)[0].id, file, location.key_file is not None)


async def _counts(configuration: Configuration) -> Mapping[str, int]:
    """How many secrets are sealed under each key; none where there is no database yet."""
    path = configuration.store.sqlite_path
    if path is not None and not path.exists():
        return {}
    store = open_store(configuration.store.url.get_secret_value(), deadline=configuration.store.deadline)
    try:
        return await store.secrets.key_counts()
    finally:
        await store.close()


async def key_states(context: OperatorContext) -> tuple[Sequence[KeyState], str | None]:
    """Return all keys that are here or needed, the current one first; and why they cannot be read, if so.

    There are none before the first start with SQLite.
    """
    counts = await context.secrets.key_counts()
    location = context.configuration.secrets
    is_new = location.file is None and location.key_file is not None and not location.key_file.exists()
    if is_new and not counts:
        return [], None
    try:
        keys = read_keys(location)
    except KeysUnusable as problem:
        return _states(counts, None, {}), str(problem)
    return _states(counts, keys, _places(location)), None


def _states(counts: Mapping[str, int], keys: SecretKeys | None, places: Mapping[str, str]) -> list[KeyState]:
    here = keys.by_id if keys is not None else {}
    states = []
    for key in (*here, *(each for each in counts if each not in here)):
        role = KeyRole.OLDER if key in here else KeyRole.MISSING
        if keys is not None and key == keys.current.id:
            role = KeyRole.CURRENT
        states.append(KeyState(key, role, counts.get(key, 0), places.get(key)))
    return states


def _places(location: KeyLocation) -> dict[str, str]:
    """Where each key is, by its id."""
    places = {key.id: str(file) for file in reversed(files_of(location)) for key in read_key_file(file)}
    if location.variable is not None:
        places[read_keys(location).current.id] = f"${location.variable}"
    return places


async def rotate_keys(context: OperatorContext, use: str | None, report: Progress) -> Rotation:
    """Seal all secrets under a new key, or finish a rotation that was begun, while everything runs.

    A rotation was begun if secrets are sealed under another key than the current one. Otherwise a new key is
    made. With SQLite it is used at once. With PostgreSQL other machines may need its file first: it is used
    by a further call, which names it in `use`. Raises `KeysUnusable`.
    """
    location = context.configuration.secrets
    keys = read_keys(location)
    counts = await context.secrets.key_counts()
    made_in = None
    if use is not None:
        _put_first(location, keys, use)
    elif not counts.keys() - {keys.current.id}:
        made_in = _writable_file(location)
        fresh = new_key()
        if context.configuration.store.sqlite_path is None:
            change_key_file(made_in, lambda known: [*known, fresh])
            return Rotation(fresh.id, made_in, is_prepared=True)
        change_key_file(made_in, lambda known: [fresh, *known])
    reached("secrets.key-in-use")
    return await _seal_anew(context, made_in, report)


def _put_first(location: KeyLocation, keys: SecretKeys, use: str) -> None:
    """Make the key the current one whose id is `use`, or begins so if no other one does."""
    if use == keys.current.id:
        return
    file = _writable_file(location)
    alike = [key.id for key in read_key_file(file) if use and key.id.startswith(use)]
    if len(alike) != 1:
        what = "several keys that begin with" if alike else "no key"
        raise KeysUnusable(
            f"the key file {file} holds {what} {quoted(use)}; `mailferry secrets status` shows the keys"
        )
    change_key_file(file, lambda known: sorted(known, key=lambda key: key.id != alike[0]))


def _writable_file(location: KeyLocation) -> Path:
    if location.key_file is None:
        raise KeysUnusable(
            f"the key is in the environment variable {location.variable}, where Mailferry cannot change it: "
            "write the old key into a file that old_key_files names, put a new one into the variable "
            "(`openssl rand -base64 32`), start Mailferry again, and run this again"
        )
    return location.key_file


@dataclass(slots=True)
class _Pass:
    """What one pass over the secrets under other keys did."""

    resealed: int = 0
    unreadable: list[str] = field(default_factory=list)


async def _seal_anew(context: OperatorContext, made_in: Path | None, report: Progress) -> Rotation:
    keys = read_keys(context.configuration.secrets)
    resealed, unreadable = 0, list[str]()
    for _ in range(MOST_PASSES):
        done = await _one_pass(context, keys, report)
        resealed += done.resealed
        unreadable = done.unreadable
        if not done.resealed:
            break
    states, _problem = await key_states(context)
    others = [state for state in states if state.role is not KeyRole.CURRENT]
    return Rotation(
        keys.current.id,
        made_in,
        resealed=resealed,
        unreadable=unreadable,
        unneeded=[state for state in others if not state.secrets],
        needed=[state for state in others if state.secrets],
    )


async def _one_pass(context: OperatorContext, keys: SecretKeys, report: Progress) -> _Pass:
    done, looked_at, after = _Pass(), 0, None
    counts = await context.secrets.key_counts()
    total = sum(number for key, number in counts.items() if key != keys.current.id)
    while rows := await context.secrets.sealed_under_other_keys(keys.current.id, after, BATCH):
        resealed = [each for row in rows if (each := _sealed_anew(keys, row, done.unreadable)) is not None]
        done.resealed += await context.secrets.reseal(resealed)
        reached("secrets.resealed")
        looked_at += len(rows)
        after = rows[-1].name
        report(looked_at, max(total, looked_at))
    return done


def _sealed_anew(keys: SecretKeys, row: SealedSecret, unreadable: list[str]) -> Resealed | None:
    """The secret under the current key; None, and a sentence in `unreadable`, where it cannot be opened."""
    try:
        text = unseal(keys, row.name, row.sealed)
    except (KeyMissing, SecretUnreadable) as problem:
        unreadable.append(str(problem))
        return None
    return Resealed(row.name, row.sealed, seal(keys, row.name, text, secrets.token_bytes(NONCE_OCTETS)))
