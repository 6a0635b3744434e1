"""Try one login method after the other, and stop in time.

Promises: a password that the server found wrong is not offered again in the same way, so that trying does not
lock the account; a server that proves nothing, or is not the one that the method is bound to, gets nothing
further; a method on which the server hangs up costs a new connection, not the login.
"""

from __future__ import annotations

from shared.model.authentication import BY_NAME, Exposure
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import MailferryError, quoted
from shared.model.source_errors import CredentialsRefused, LoginMethodsExhausted, SourceError
from shared.net.errors import ConnectionLost, Unsendable
from shared.net.login.channel import LoginChannel
from shared.net.login.credentials import Credentials
from shared.net.login.exchange import Verdict, authenticate
from shared.net.login.plan import LoginPlan, TryWithout
from shared.net.login.selection import Offer, candidates
from shared.net.sasl import UnfitCredentials

_BOUND_TO_ANOTHER = "channel-bindings-dont-match"


async def log_in(channel: LoginChannel, endpoint: Endpoint, credentials: Credentials, plan: LoginPlan) -> str:
    """Log in and return the method that worked.

    Raises `TryWithout` where another connection may do better, and the error of the last attempt.
    """
    return await _Attempts(channel, endpoint, credentials, plan).run()


class _Attempts:
    """The login attempts on one connection."""

    def __init__(
        self, channel: LoginChannel, endpoint: Endpoint, credentials: Credentials, plan: LoginPlan
    ) -> None:
        self._channel = channel
        self._endpoint = endpoint
        self._credentials = credentials
        self._plan = plan
        self._offer = Offer(
            channel.announced,
            tuple(channel.own_commands),
            encrypted=channel.is_encrypted,
            clear_is_fine=endpoint.tls is Tls.OFF,
        )
        self._was_refused = False
        self._unfit: MailferryError | None = None

    async def run(self) -> str:
        while methods := self._remaining():
            if await self._succeeds(methods[0]):
                return methods[0]
        raise self._plan.refusal or self._unfit or LoginMethodsExhausted(self._no_method())

    def _remaining(self) -> tuple[str, ...]:
        return candidates(self._plan, self._offer, token=bool(self._credentials.token))

    async def _succeeds(self, method: str) -> bool:
        action = (
            f"Logging in to {self._endpoint} as {quoted(self._credentials.username)} with {method.upper()}"
        )
        try:
            verdict = await authenticate(self._channel, self._endpoint, method, self._credentials, self._plan)
        except (UnfitCredentials, Unsendable) as error:
            self._unfit = error
            self._plan = self._plan.without_methods([method])
            return False
        except ConnectionLost as error:
            raise self._after_hanging_up(method, action, error) from error
        if not verdict.answer.ok:
            self._take_refusal(method, action, verdict)
        return verdict.answer.ok

    def _take_refusal(self, method: str, action: str, verdict: Verdict) -> None:
        """Leave out what the refusal rules out, so that the next method can be tried, or raise."""
        _, code, text = verdict.answer
        refusals = self._channel.refusals
        refusal = refusals.of_login(action, code, text, verdict.complaint)
        self._plan = self._plan.without_methods([method], refusal)
        self._was_refused = True
        if not isinstance(refusal, CredentialsRefused) or verdict.complaint == _BOUND_TO_ANOTHER:
            raise refusal
        if refusals.is_by_code(code, CredentialsRefused):
            raise self._with_hint(method, refusal)
        if refusals.is_verdict(code, text):
            alike = [
                other for other in self._remaining() if BY_NAME[other].exposure is BY_NAME[method].exposure
            ]
            self._plan = self._plan.without_methods(alike, refusal)

    def _with_hint(self, method: str, refusal: SourceError) -> SourceError:
        """Return the refusal, with a hint where the server may hold passwords in an unsuitable form."""
        remaining = self._remaining()
        if BY_NAME[method].exposure is Exposure.SECRET or not remaining:
            return refusal
        return CredentialsRefused(
            f"{refusal} If user name and password are right, the server cannot check the "
            f"password in this way: leave {method} out of the account's methods; left are "
            f"{', '.join(remaining)}."
        )

    def _after_hanging_up(
        self, method: str, action: str, error: ConnectionLost
    ) -> SourceError | ConnectionLost:
        """Return what to raise. After a refusal, a lost connection says nothing about the next method."""
        if self._was_refused and self._plan.refusal is not None:
            return TryWithout(self._plan, self._plan.refusal)
        self._plan = self._plan.without_methods([method])
        if self._remaining():
            return TryWithout(self._plan, error)
        return self._plan.refusal or ConnectionLost(f"{action} failed: {error}", fault=error.fault)

    def _no_method(self) -> str:
        offered = self._offer.announced
        return (
            f"No method to log in to {self._endpoint} is left: switched on are "
            f"{', '.join(self._plan.auth) or 'the default ones'}, the server offers "
            f"{quoted(', '.join(offered)) or 'none' if offered is not None else 'what it does not say'}"
            f"{self._why_not_in_clear()}."
        )

    def _why_not_in_clear(self) -> str:
        if self._plan.auth or self._offer.encrypted or self._offer.clear_is_fine:
            return ""
        return "; without TLS, methods that show the password or help to guess it must be switched on by name"
