"""An app: what a provider knows Mailferry by."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import SecretStr

from shared.model.oauth import Flow
from shared.oauth.providers import Provider

LOOPBACK_REDIRECT = "http://localhost"


@dataclass(frozen=True, slots=True)
class ServiceAccountKey:
    """The key of a Google service account, from its JSON file."""

    email: str
    key_id: str
    private_key: SecretStr = field(repr=False)


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """A registered app.

    - `scopes`: replaces those of the provider, if given.
    - `discovery`: the address of a discovery document, from which the provider is still to be learnt.
    - `redirect`: where the provider sends the browser after the owner signed in.
    - `secret_expires_at`: seconds since the epoch, as its operator noted it.
    - `tenant`: whose accounts and targets may log in by it alone; None: those of all.
    - `testing`: Google's publishing status "Testing", in which refresh tokens live for seven days.
    """

    name: str
    client_id: str
    provider: Provider | None
    flow: Flow = Flow.USER
    client_secret: SecretStr | None = field(default=None, repr=False)
    service_account: ServiceAccountKey | None = None
    scopes: tuple[str, ...] = ()
    discovery: str | None = None
    redirect: str = LOOPBACK_REDIRECT
    secret_expires_at: float | None = None
    testing: bool = False
    origin: str = "file"
    tenant: str | None = None

    @property
    def title(self) -> str:
        """The provider, for a sentence."""
        return self.provider.title if self.provider else str(self.discovery)

    def serves(self, tenant: str) -> bool:
        """Return whether objects of this tenant may log in by it; "" is the tenant of global targets."""
        return self.tenant in {None, tenant}

    def wanted_scopes(self, provider: Provider, protocol: str) -> tuple[str, ...]:
        """Return the scopes to ask for; `protocol` is "imap", "pop3" or "smtp"."""
        if self.scopes:
            return self.scopes
        if self.flow is not Flow.USER:
            return provider.app_scopes
        own = provider.protocol_scopes.get(protocol)
        return (own, *provider.scopes) if own else provider.scopes
