"""One-time codes of an app as a second proof: set up, confirmed by a first code, used, and removed.

The key is sealed. Recovery codes, each for one sign-in without the app, are shown once; digests are kept.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import SecretStr

from shared.access.one_time_codes import (
    DIGITS,
    KEY_OCTETS,
    code_step,
    key_uri,
    new_recovery_codes,
    recovery_digest,
)
from shared.model.sealed import SecretName
from shared.operations.context import OperatorContext
from shared.operations.people.errors import CodesNotBegun, CodeWrong, UserUnknown
from shared.ports.store import SealedSecret

USER_SECRETS = "user"
CODE_KEY, NEW_CODE_KEY = "totp", "totp_new"


class Enrolment(NamedTuple):
    """What an app needs: the URI of the QR code, or the key to be typed."""

    uri: str
    key: str


class CodesState(NamedTuple):
    """Whether a person is asked for codes, and how many recovery codes are left."""

    is_set_up: bool
    recovery_codes: int


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """The one-time codes of people, by their names in lower case."""

    context: OperatorContext
    entropy: Callable[[int], bytes]

    async def state(self, name: str) -> CodesState:
        """Return whether a person is asked for codes."""
        return CodesState(await self.is_set_up(name), await self.context.access.count_recovery_codes(name))

    async def is_set_up(self, name: str) -> bool:
        """Return whether a person is asked for codes."""
        return await self._key(name, CODE_KEY) is not None

    async def begin(self, name: str) -> Enrolment:
        """Make a key for an app. It is in force once a code of it was confirmed. Raises `UserUnknown`."""
        if await self.context.access.user(name) is None:
            raise UserUnknown
        key = self.entropy(KEY_OCTETS)
        await self._put(name, NEW_CODE_KEY, key)
        return Enrolment(key_uri(key, name), base64.b32encode(key).decode().rstrip("="))

    async def confirm(self, name: str, code: str) -> list[str]:
        """Have a person asked for codes from now on, and return the recovery codes.

        Raises `CodesNotBegun` and `CodeWrong`.
        """
        key = await self._key(name, NEW_CODE_KEY)
        if key is None:
            raise CodesNotBegun
        if not await self._uses_step(name, key, code):
            raise CodeWrong
        await self._put(name, CODE_KEY, key)
        await self.context.secrets.remove_secrets(USER_SECRETS, [name], [NEW_CODE_KEY])
        return await self.renew_recovery_codes(name)

    async def renew_recovery_codes(self, name: str) -> list[str]:
        """Return new recovery codes in place of the old ones."""
        codes = new_recovery_codes(self.entropy)
        await self.context.access.put_recovery_codes(name, [*map(recovery_digest, codes)])
        return codes

    async def accepts(self, name: str, code: str) -> bool:
        """Return whether a code of the app, or a recovery code, is right; it is used up by that."""
        key, plain = await self._key(name, CODE_KEY), code.strip().replace(" ", "")
        if key is None:
            return False
        if len(plain) == DIGITS and plain.isdigit():
            return await self._uses_step(name, key, plain)
        return await self.context.access.use_recovery_code(name, recovery_digest(code))

    async def remove(self, name: str) -> None:
        """Ask a person for codes no more."""
        await remove_codes(self.context, name)

    async def _uses_step(self, name: str, key: bytes, code: str) -> bool:
        step = code_step(key, code.strip().replace(" ", ""), self.context.clock.now())
        return step is not None and await self.context.access.use_code_step(name, step)

    async def _key(self, name: str, field: str) -> bytes | None:
        sealed = await self.context.secrets.sealed_secrets(USER_SECRETS, [name])
        if (name, field) not in sealed:
            return None
        secret = self.context.registry.box.open(SecretName(USER_SECRETS, name, field), sealed[name, field])
        return base64.b32decode(secret.get_secret_value())

    async def _put(self, name: str, field: str, key: bytes) -> None:
        secret = SecretName(USER_SECRETS, name, field)
        sealed = self.context.registry.box.seal(secret, SecretStr(base64.b32encode(key).decode()))
        await self.context.secrets.put_secrets([SealedSecret(secret, sealed)], self.context.clock.now())


async def remove_codes(context: OperatorContext, name: str) -> None:
    """Ask a person for codes no more."""
    await context.secrets.remove_secrets(USER_SECRETS, [name], [CODE_KEY, NEW_CODE_KEY])
    await context.access.put_recovery_codes(name, ())
