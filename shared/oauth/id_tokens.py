"""Who signed in: an ID token is checked (OpenID Connect Core, section 3.1.3.7), and its claims are read.

The signature is checked with the provider's keys, though the token comes from the provider itself: a proxy in
between must not be able to name somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.model.errors import quoted

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Neither "none" nor a shared secret: the keys are public."""
LEEWAY = 120
"""Seconds by which the clocks of the two machines may differ."""


class IdentityRefused(ValueError):
    """The ID token proves nothing. The text is a sentence."""


def verified_claims(
    token: str | None, keys: Any, issuer: str, client_id: str, nonce: str, now: float
) -> Mapping[str, Any]:
    """Return the claims of an ID token that this sign-in brought. `keys` is the provider's key set.

    Raises `IdentityRefused`.
    """
    from joserfc import jwt  # noqa: PLC0415 - only who signs in by OpenID Connect needs it
    from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError  # noqa: PLC0415 - as above
    from joserfc.jwk import KeySet  # noqa: PLC0415 - as above

    if not token:
        raise IdentityRefused("The provider's answer says not who signed in: ask for the scope openid.")
    registry = jwt.JWTClaimsRegistry(
        int(now),
        LEEWAY,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": client_id},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    try:
        claims = jwt.decode(token, KeySet.import_key_set(keys), algorithms=[*ALGORITHMS]).claims
        registry.validate(claims)
    except ExpiredTokenError as error:
        sentence = "The provider's answer has expired: check the clocks, and sign in again."
        raise IdentityRefused(sentence) from error
    except InvalidClaimError as error:
        sentence = f'The provider\'s answer is not for this sign-in: "{quoted(error.claim)}" is another one.'
        raise IdentityRefused(sentence) from error
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise IdentityRefused("The provider's answer is not signed with a key of the provider.") from error
    azp = claims.get("azp")
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and azp != client_id:
        raise IdentityRefused("The provider's answer is for another client.")
    return dict(claims)
