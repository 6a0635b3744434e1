"""The keys under which secrets are sealed.

A key is 32 random bytes, written in base64. Where several are written, the first one is the current key, with
which secrets are sealed; the others only open what was sealed before.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import SecretStr

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_OCTETS = 32
ID_OCTETS = 6
"""Enough to tell an installation's few keys apart, and short enough to be read out by telephone."""
_PURPOSE = b"mailferry key id"
"""At most 16 octets. It makes the id a hash that nothing else uses."""


class UnusableKey(ValueError):
    """The text is not a key. The sentence repeats nothing of it."""


@dataclass(frozen=True)
class SecretKey:
    """One key. `id` names it in the database, in errors and on the terminal, and tells nothing about it."""

    octets: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.octets) != KEY_OCTETS:
            raise UnusableKey(f"a key has {KEY_OCTETS} bytes, not {len(self.octets)}")

    @cached_property
    def id(self) -> str:
        """The key's id: twelve hexadecimal digits."""
        return hashlib.blake2b(self.octets, digest_size=ID_OCTETS, person=_PURPOSE).hexdigest()

    @cached_property
    def cipher(self) -> AESGCM:
        """AES-256-GCM with this key. Made when it is first used: the library takes long to import."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - see above

        return AESGCM(self.octets)

    @property
    def written(self) -> SecretStr:
        """The key as it stands in a key file."""
        return SecretStr(base64.b64encode(self.octets).decode("ascii"))

    def __repr__(self) -> str:
        return f"SecretKey({self.id})"


@dataclass(frozen=True)
class SecretKeys:
    """The key that seals, and the older ones that still open."""

    current: SecretKey
    older: tuple[SecretKey, ...] = ()

    @cached_property
    def by_id(self) -> dict[str, SecretKey]:
        """All keys by their ids, the current one first."""
        return {key.id: key for key in (self.current, *self.older)}


def parse_keys(text: str) -> tuple[SecretKey, ...]:
    """Return the keys in a text, which white space separates. Raises `UnusableKey`, also for none."""
    keys = tuple(dict.fromkeys(map(_parse_key, text.split())))
    if not keys:
        raise UnusableKey("it holds no key")
    return keys


def written_keys(keys: Sequence[SecretKey]) -> SecretStr:
    """Return the text of a key file, from which `parse_keys` reads the same keys."""
    return SecretStr("".join(key.written.get_secret_value() + "\n" for key in keys))


def _parse_key(word: str) -> SecretKey:
    try:
        return SecretKey(base64.b64decode(word, validate=True))
    except (binascii.Error, ValueError):
        raise UnusableKey(
            f"each key is {KEY_OCTETS} bytes in base64 (44 characters), as `mailferry secrets init` makes it"
        ) from None
