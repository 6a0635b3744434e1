"""Trying one method after the other, and knowing when to stop.

Promises: a password that the server found wrong is not offered again in the same way, so that trying does not
lock the account; a server that proves nothing, or is not the one that the method is bound to, gets nothing
further; a method on which the server hangs up costs a new connection, not the login.
"""

from __future__ import annotations

from dataclasses import replace

from shared.model.authentication import BY_NAME, Exposure
from shared.model.endpoint import Endpoint
from shared.model.errors import MailferryError, quoted
from shared.model.source_errors import CredentialsRefused, LoginMethodsExhausted, SourceError
from shared.net.errors import ConnectionLost
from shared.net.sasl import UnfitCredentials
from shared.pop3.authentication import Verdict, authenticate
from shared.pop3.conversation import Conversation
from shared.pop3.errors import Unsendable
from shared.pop3.offer import Offer
from shared.pop3.plan import LoginPlan, TryWithout
from shared.pop3.redaction import Credentials
from shared.pop3.refusal import is_verdict, login_refused
from shared.pop3.selection import candidates

_BOUND_TO_ANOTHER = "channel-bindings-dont-match"


class Attempts:
    """The attempts of one connection."""

    def __init__(
        self,
        conversation: Conversation,
        endpoint: Endpoint,
        credentials: Credentials,
        offer: Offer,
        plan: LoginPlan,
    ) -> None:
        self._conversation = conversation
        self._endpoint = endpoint
        self._credentials = credentials
        self._offer = offer
        self._plan = plan
        self._refused_here = False
        self._unfit: MailferryError | None = None

    async def run(self) -> str:
        """The method that worked.

        Raises `TryWithout` where another connection may do better, and the error of the last attempt.
        """
        while methods := self._left():
            if await self._succeeds(methods[0]):
                return methods[0]
        raise self._plan.refusal or self._unfit or LoginMethodsExhausted(self._no_method())

    def _left(self) -> tuple[str, ...]:
        return candidates(self._plan, self._offer, token=bool(self._credentials.token))

    async def _succeeds(self, method: str) -> bool:
        action = (
            f"Logging in to {self._endpoint} as {quoted(self._credentials.username)} with {method.upper()}"
        )
        try:
            verdict = await authenticate(
                self._conversation, self._endpoint, method, self._credentials, self._offer, self._plan
            )
        except (UnfitCredentials, Unsendable) as error:
            self._unfit = error
            self._leave_out(method)
            return False
        except ConnectionLost as error:
            raise self._after_hanging_up(method, action, error) from error
        if not verdict.reply.ok:
            self._refused(method, action, verdict)
        return verdict.reply.ok

    def _refused(self, method: str, action: str, verdict: Verdict) -> None:
        """Make the next attempt possible, or raise."""
        code, text = verdict.reply.code, verdict.reply.text
        refusal = login_refused(action, code, text, verdict.complaint)
        self._leave_out(method, refusal)
        self._refused_here = True
        if not isinstance(refusal, CredentialsRefused) or verdict.complaint == _BOUND_TO_ANOTHER:
            raise refusal
        if code == "AUTH":
            raise self._definitely(method, refusal)
        if is_verdict(code, text):
            for other in self._left():
                if BY_NAME[other].exposure is BY_NAME[method].exposure:
                    self._leave_out(other, refusal)

    def _definitely(self, method: str, refusal: SourceError) -> SourceError:
        """The refusal, with a hint where a server may hold passwords in a form that the method cannot use."""
        if BY_NAME[method].exposure is Exposure.SECRET or not self._left():
            return refusal
        others = ", ".join(self._left())
        return CredentialsRefused(
            f"{refusal} Check user name and password. If they are right, the server cannot check the "
            f"password in this way: leave {method} out of the account's methods; left are {others}."
        )

    def _after_hanging_up(
        self, method: str, action: str, error: ConnectionLost
    ) -> SourceError | ConnectionLost:
        """What to raise: after a refusal the connection's end says nothing about the method that is next."""
        if self._refused_here and self._plan.refusal is not None:
            return TryWithout(self._plan, self._plan.refusal)
        self._leave_out(method)
        if self._left():
            return TryWithout(self._plan, error)
        return self._plan.refusal or ConnectionLost(f"{action} failed: {error}", fault=error.fault)

    def _leave_out(self, method: str, refusal: SourceError | None = None) -> None:
        self._plan = replace(
            self._plan, without=self._plan.without | {method}, refusal=refusal or self._plan.refusal
        )

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
