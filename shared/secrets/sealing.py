"""Seals a secret for its place in the database, and opens it again (AES-256-GCM, NIST SP 800-38D).

Octets of a sealed secret: version (1), nonce (12), ciphertext, tag (16). The version and the secret's name
(kind, id and field) are authenticated with the text. So a ciphertext that was copied to another row, to use
one account's password by another, does not open there.
"""

from __future__ import annotations

from pydantic import SecretStr

from shared.model.errors import Fault, MailferryError, quoted
from shared.model.sealed import Sealed, SecretName
from shared.secrets.keys import SecretKeys

VERSION = b"\x01"
NONCE_OCTETS = 12
"""Random nonces of 96 bits may be used for 2**32 secrets under one key (SP 800-38D, section 8.3)."""
TAG_OCTETS = 16
_ENCODING = "utf-8", "surrogatepass"
"""Any text of Python can be a secret; text from the environment may hold lone surrogates."""


class KeyMissing(MailferryError):
    """The key under which a secret was sealed is not among ours. It may come, so this is temporary."""

    fault = Fault.OPERATOR


class SecretUnreadable(MailferryError):
    """A sealed secret does not open: it was damaged, or it is not where it was sealed for."""

    temporary = False
    fault = Fault.OPERATOR


def seal(keys: SecretKeys, name: SecretName, text: SecretStr, nonce: bytes) -> Sealed:
    """Return `text`, sealed under the current key for the place `name`.

    `nonce` is 12 octets of cryptographic randomness (`secrets.token_bytes`) that are used only once.
    """
    if len(nonce) != NONCE_OCTETS:
        raise ValueError(f"a nonce has {NONCE_OCTETS} octets")
    plain = text.get_secret_value().encode(*_ENCODING)
    encrypted = keys.current.cipher.encrypt(nonce, plain, _authenticated(name))
    return Sealed(keys.current.id, VERSION + nonce + encrypted)


def unseal(keys: SecretKeys, name: SecretName, sealed: Sealed) -> SecretStr:
    """Return the text that was sealed for the place `name`. Raises `KeyMissing` and `SecretUnreadable`."""
    key = keys.by_id.get(sealed.key)
    if key is None:
        raise KeyMissing(
            f"{_label(name)} is sealed under the key {quoted(sealed.key, 20)}, which this machine does not "
            "have: give its file in [secrets] as key_file or among old_key_files (`mailferry secrets status` "
            "shows the keys)"
        )
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - takes long to import, see `SecretKey.cipher`

    nonce, encrypted = sealed.data[1 : 1 + NONCE_OCTETS], sealed.data[1 + NONCE_OCTETS :]
    if sealed.data[:1] != VERSION or len(encrypted) < TAG_OCTETS:
        raise SecretUnreadable(
            f"{_label(name)} is not sealed in a form that this Mailferry knows: the database is damaged, or "
            "a newer Mailferry wrote it. Upgrade Mailferry, or set the secret again"
        )
    try:
        return SecretStr(key.cipher.decrypt(nonce, encrypted, _authenticated(name)).decode(*_ENCODING))
    except InvalidTag:
        raise SecretUnreadable(
            f"{_label(name)} does not open with its key: it was damaged, or moved here from another row of "
            "the database. Set the secret again"
        ) from None


def _label(name: SecretName) -> str:
    return f"the {quoted(name.field)} of {quoted(name.kind)} {quoted(name.id)}"


def _authenticated(name: SecretName) -> bytes:
    """The version and the name. Each part has its length before it, so no two names make the same octets."""
    parts = (part.encode(*_ENCODING) for part in name)
    return VERSION + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
