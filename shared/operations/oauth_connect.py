"""Gets a grant: the owner of a mailbox signs in, in a browser or with a device code, or the app by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from shared.model.errors import Fault, MailferryError, quoted
from shared.model.oauth import Flow, GrantRef
from shared.oauth.answers import (
    BY_YOU,
    LATER,
    Failure,
    Meaning,
    Refreshed,
    RetryLater,
    meaning,
    refused_sign_in,
    unreachable,
)
from shared.oauth.app import OAuthApp
from shared.oauth.consent import objection
from shared.oauth.providers import Provider
from shared.oauth.requests import (
    Request,
    SignIn,
    SignInRefused,
    UnfitRedirect,
    code_of,
    device_authorization,
    device_poll,
    exchange,
    sign_in,
)
from shared.operations.oauth_context import OAuthContext
from shared.operations.oauth_device import DeviceCode, UnfitDeviceAnswer, device_code_of
from shared.operations.oauth_loopback import is_here, listening
from shared.ports.store.oauth import GrantLease, Renewal
from shared.runtime.oauth.apps import AppUnusable
from shared.runtime.oauth.http import Unreachable
from shared.runtime.oauth.refresher import LEASE

SIGN_IN_TIMEOUT = 900.0
"""Seconds for the owner, who may have to look for a second factor."""
SLOWER = 5.0
"""Seconds by which the pause between two polls grows where the server asks for it (RFC 8628, section 3.5)."""

ShowUrl = Callable[[str], None]
ShowCode = Callable[[DeviceCode], None]
AskUrl = Callable[[], Awaitable[str]]


class SignInFailed(MailferryError):
    """No grant was got. Nothing was changed."""

    temporary = False
    fault = Fault.OPERATOR


async def connect_by_browser(context: OAuthContext, ref: GrantRef, show: ShowUrl, ask: AskUrl) -> str:
    """Let the owner sign in, and return a sentence about it. Raises `SignInFailed`.

    `show` is given the URL to open. `ask` returns the URL where the browser went, for an app whose redirect
    does not lead to this machine.
    """
    app, provider = await app_of(context, ref)
    if app.flow is not Flow.USER:
        return await _by_itself(context, ref)
    try:
        if is_here(app.redirect):
            async with asyncio.timeout(SIGN_IN_TIMEOUT), listening(app.redirect) as page:
                begun = sign_in(app, provider, page.redirect, ref.protocol, ref.username)
                show(begun.url)
                code = await page.code(partial(code_of, begun))
        else:
            begun = sign_in(app, provider, app.redirect, ref.protocol, ref.username)
            show(begun.url)
            code = code_of(begun, await ask())
    except SignInRefused as error:
        raise failed_sign_in(refused_sign_in(error.error, error.description)) from error
    except UnfitRedirect as error:
        raise SignInFailed(str(error)) from error
    except TimeoutError:
        raise SignInFailed(f"Nobody signed in within {SIGN_IN_TIMEOUT / 60:g} minutes.") from None
    except OSError as error:
        raise SignInFailed(f"{app.redirect} cannot be listened on: {error.strerror}.") from error
    return await _finish(context, ref, app, provider, await exchanged(context, app, provider, begun, code))


async def connect_by_device(context: OAuthContext, ref: GrantRef, show: ShowCode) -> str:
    """Let the owner sign in on any device, and return a sentence about it. Raises `SignInFailed`."""
    app, provider = await app_of(context, ref)
    if app.flow is not Flow.USER:
        return await _by_itself(context, ref)
    try:
        request = device_authorization(app, provider, ref.protocol)
    except ValueError as error:
        raise SignInFailed(f"{str(error).capitalize()}; sign in by a browser.") from error
    try:
        answer = await context.oauth.http.post(request)
        code = device_code_of(answer)
    except Unreachable as error:
        raise failed_sign_in(unreachable(str(error))) from error
    except UnfitDeviceAnswer as error:
        raise failed_sign_in(error.meaning) from error
    show(code)
    return await _finish(context, ref, app, provider, await _polled(context, app, provider, code))


async def _polled(context: OAuthContext, app: OAuthApp, provider: Provider, code: DeviceCode) -> Meaning:
    """Ask until the owner has entered the code."""
    end, pause = context.clock.monotonic() + code.lifetime, code.interval
    found: Meaning = RetryLater("Nobody entered the code in time.")
    while context.clock.monotonic() < end:
        await context.clock.sleep(pause)
        found = await _asked(context, device_poll(app, provider, code.device_code))
        if not isinstance(found, RetryLater):
            return found
        if found.error == "slow_down":
            pause += SLOWER
    return found


async def app_of(context: OAuthContext, ref: GrantRef) -> tuple[OAuthApp, Provider]:
    """Return the app of a grant and its provider. Raises `SignInFailed`."""
    try:
        return await context.oauth.apps.find_for(ref.id, ref.app)
    except AppUnusable as error:
        raise failed_sign_in(error.failure) from error


async def exchanged(
    context: OAuthContext, app: OAuthApp, provider: Provider, begun: SignIn, code: str
) -> Meaning:
    """Return what the token server makes of a code."""
    return await _asked(context, exchange(app, provider, begun, code))


async def _asked(context: OAuthContext, request: Request) -> Meaning:
    try:
        return meaning(await context.oauth.http.post(request))
    except Unreachable as error:
        return unreachable(str(error))


async def _finish(
    context: OAuthContext, ref: GrantRef, app: OAuthApp, provider: Provider, found: Meaning
) -> str:
    """Check what was granted, and store it. Raises `SignInFailed`."""
    renewal = await checked_consent(context, ref, app, provider, found)
    await context.oauth.store.put_grant(ref.id, ref.app, ref.username, context.clock.now(), renewal)
    return (
        f"{quoted(ref.username)} has signed in for {ref.name}; Mailferry keeps the sign-in fresh from now on."
    )


async def checked_consent(
    context: OAuthContext, ref: GrantRef, app: OAuthApp, provider: Provider, found: Meaning
) -> Renewal:
    """Return what was granted as it is stored, if it is for this mailbox. Raises `SignInFailed`."""
    if not isinstance(found, Refreshed):
        raise failed_sign_in(found)
    if (wrong := objection(found, app.wanted_scopes(provider, ref.protocol), ref.username)) is not None:
        raise SignInFailed(wrong)
    if found.refresh_token is None:
        raise SignInFailed(
            f"{provider.title} gave no refresh token, so this sign-in would end within the hour. Remove the "
            "app's access in the mailbox owner's account there, and sign in again."
        )
    now = context.clock.now()
    return await context.oauth.refresher.renewal_of(GrantLease(ref.id, 0), ref.app, found, now)


async def _by_itself(context: OAuthContext, ref: GrantRef) -> str:
    """Get the first token of an app that needs no owner. Raises `SignInFailed`."""
    oauth, now = context.oauth, context.clock.now()
    await oauth.store.put_grant(ref.id, ref.app, ref.username, now, None)
    lease = await oauth.store.lease_grant(ref.id, oauth.holder, now, now + LEASE)
    found = await oauth.refresher.refresh(lease) if lease is not None else None
    if isinstance(found, Refreshed):
        return f"The app {ref.app} has got a token for {quoted(ref.username)}; nobody has to sign in."
    if found is None:
        return f"Another process is getting a token for {quoted(ref.username)} now."
    raise failed_sign_in(found)


def failed_sign_in(found: Failure | Meaning) -> SignInFailed:
    """Return why there is no grant."""
    assert not isinstance(found, Refreshed), "that is no failure"
    sentence = found.sentence.replace(LATER, BY_YOU)
    return SignInFailed(sentence, temporary=isinstance(found, RetryLater))
