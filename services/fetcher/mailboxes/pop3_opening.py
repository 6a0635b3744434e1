"""Open a POP3 mailbox: dial, log in, and adapt the client to the port `Mailbox`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from services.fetcher.mailboxes.pop3 import Pop3Mailbox
from shared.model.account import Account
from shared.model.endpoint import Endpoint
from shared.model.mailbox import UNMETERED, Meter
from shared.model.reading import Pipelining
from shared.net.login.connecting import Dial, connect, dial_source, greeted
from shared.net.login.credentials import Credentials, masker
from shared.net.login.plan import LoginPlan
from shared.net.login.wire import Dialogue, Timeouts, Wire
from shared.net.wrong_port import POP3
from shared.pop3.conversation import Answer, Conversation
from shared.pop3.known_capabilities import KNOWN
from shared.pop3.limits import Limits, Options
from shared.pop3.login import LoggedIn, answers_ahead, log_in_after_greeting, login_plan

DEFAULTS = Options()
_PIPELINING = {Pipelining.ANNOUNCED: None, Pipelining.ALWAYS: True, Pipelining.NEVER: False}


async def open_pop3_account(
    account: Account,
    token: str,
    timeouts: Timeouts,
    *,
    preferred: str | None = None,
    dialogue: Dialogue | None = None,
    meter: Meter = UNMETERED,
) -> Pop3Mailbox:
    """Open the mailbox of an account; see `Opener`."""
    login, reading = account.login, account.reading
    limits = Limits(
        line=reading.line_limit,
        listing=reading.listing_limit,
        mail=reading.mail_limit,
        session=reading.session_limit,
        meter=meter,
    )
    options = Options(
        timeouts=timeouts,
        limits=limits,
        pipelining=_PIPELINING[reading.pipelining],
        detect=login.detect,
        preferred=preferred,
        use_top=reading.use_top,
        known=KNOWN,
    )
    return await open_pop3(
        account.endpoint,
        login.username,
        login.password.get_secret_value(),
        token=token,
        auth=login.auth,
        options=options,
        dialogue=dialogue,
    )


async def open_pop3(
    endpoint: Endpoint,
    username: str,
    password: str,
    *,
    token: str = "",
    auth: Sequence[str] = (),
    options: Options = DEFAULTS,
    dialogue: Dialogue | None = None,
    dialled: Dial | None = None,
) -> Pop3Mailbox:
    """Connect, encrypt as the endpoint says, and log in.

    `token` takes the place of the password where it is not empty. `auth`: the methods that are switched on,
    in the order in which they are tried, by their names in `shared.model.authentication`; () for the default
    ones. `dialogue` is called with every line, secrets masked. `dialled` replaces the network, for tests.

    Raises the errors of `shared.model.source_errors`, `shared.net.errors` and `shared.net.sasl`.
    """
    credentials = Credentials(username, password, token)

    async def log_in(wire: Wire, plan: LoginPlan) -> tuple[Conversation, LoggedIn, Sequence[Answer]]:
        conversation = Conversation(
            wire, str(endpoint), options.limits, masker=masker(credentials), dialogue=dialogue
        )
        greeting = await greeted(conversation.read_greeting(), POP3, endpoint, options.timeouts.connect)
        wire.set_deadline(options.timeouts.login)
        logged_in = await log_in_after_greeting(
            conversation, endpoint, credentials, greeting, plan, options.pipelining, options.known
        )
        wire.set_deadline(options.timeouts.session)
        listed = await answers_ahead(conversation, logged_in.plan, logged_in.outstanding)
        return conversation, logged_in, listed

    connected = await connect(
        endpoint,
        options.timeouts,
        login_plan(auth, options),
        dialled or partial(dial_source, protocol=POP3),
        log_in,
        starttls="STLS",
        dialogue=dialogue,
    )
    conversation, logged_in, listed = connected.session
    return Pop3Mailbox(conversation, logged_in, options, connected.notes, listed, connected.shortfall)
