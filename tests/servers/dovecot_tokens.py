"""OAuth 2 for the private Dovecot, which accepts tokens (JWT, RFC 7519) signed with our key."""

from __future__ import annotations

import base64
import hmac
import json
from pathlib import Path
from typing import Final

from tests.servers.ports import LOOPBACK

KEY: Final = b"a key for tests, of 32 octets and"
LIFETIME: Final = 3600


def token_config(directory: Path, mechanisms: str) -> str:
    """What to append to dovecot.conf; `mechanisms` are the others that stay on. Writes the key."""
    keys = directory / "keys"
    key = keys / "default" / "HS256" / "default"
    key.parent.mkdir(parents=True)
    key.write_text(base64.b64encode(KEY).decode())
    settings = directory / "oauth2.conf"
    settings.write_text(
        "introspection_mode = local\n"
        f"local_validation_key_dict = fs:posix:prefix={keys}/\n"
        "username_attribute = sub\n"
    )
    return f"""
auth_mechanisms = {mechanisms} xoauth2 oauthbearer
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {settings}
}}
"""


def token(user: str, now: float, key: bytes = KEY) -> str:
    """A token for `user`, valid for `LIFETIME` seconds from `now` (seconds since the epoch)."""
    header = _part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    claims = _part(json.dumps({"sub": user, "iat": int(now) - 60, "exp": int(now) + LIFETIME}).encode())
    signed = f"{header}.{claims}"
    return f"{signed}.{_part(hmac.digest(key, signed.encode(), 'sha256'))}"


def sasl_config(port: int) -> str:
    """What to append to dovecot.conf so that a Postfix on this machine may have it check logins on `port`."""
    return f"""
service auth {{
  inet_listener {{
    address = {LOOPBACK}
    port = {port}
  }}
}}
"""


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def introspection_config(directory: Path, mechanisms: str, url: str, client: str, secret: str) -> str:
    """What to append to dovecot.conf so that it asks an authorization server about each token (RFC 7662)."""
    settings = directory / "oauth2.conf"
    settings.write_text(
        "introspection_mode = post\n"
        f"introspection_url = {url}\n"
        f"client_id = {client}\n"
        f"client_secret = {secret}\n"
        "username_attribute = username\n"
        "active_attribute = active\n"
        "active_value = true\n"
    )
    return f"""
auth_mechanisms = {mechanisms} xoauth2 oauthbearer
auth_cache_size = 0
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {settings}
}}
"""
