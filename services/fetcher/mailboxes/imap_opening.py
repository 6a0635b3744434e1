"""Open an IMAP mailbox: dial, log in, and adapt the client to the port `Mailbox`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from services.fetcher.mailboxes.imap import ImapMailbox
from shared.imap.commands import Command
from shared.imap.conversation import Conversation
from shared.imap.folder_choice import needs_list
from shared.imap.folder_list import ONLY_INBOX
from shared.imap.folders import opening
from shared.imap.limits import Limits, Options
from shared.imap.login import STEPS, LoggedIn, log_in_after_greeting, login_plan
from shared.imap.refused_features import REFUSED
from shared.model.account import Account
from shared.model.endpoint import Endpoint, Tls
from shared.model.mailbox import UNMETERED, Meter
from shared.net.login.connecting import Connected, Dial, connect, dial_source, greeted
from shared.net.login.credentials import Credentials, masker
from shared.net.login.plan import LoginPlan
from shared.net.login.wire import Dialogue, Timeouts, Wire
from shared.net.wrong_port import IMAP

DEFAULTS = Options()


async def open_imap_account(
    account: Account,
    token: str,
    timeouts: Timeouts,
    *,
    preferred: str | None = None,
    dialogue: Dialogue | None = None,
    meter: Meter = UNMETERED,
) -> ImapMailbox:
    """Open the mailbox of an account; see `Opener`."""
    login, reading = account.login, account.reading
    limits = Limits(
        listing=reading.listing_limit, mail=reading.mail_limit, session=reading.session_limit, meter=meter
    )
    options = Options(
        timeouts=timeouts,
        limits=limits,
        folders=account.folders.folders,
        removal=account.folders.removal,
        newest=account.retention.days is None,
        skip=account.folders.skip,
        reads_only=account.retention.leaves_a_copy,
        preferred=preferred,
        compress=reading.compress,
        parts=reading.read_in_parts,
        refused=REFUSED,
    )
    return await open_imap(
        account.endpoint,
        login.username,
        login.password.get_secret_value(),
        token=token,
        auth=login.auth,
        options=options,
        dialogue=dialogue,
    )


async def open_imap(
    endpoint: Endpoint,
    username: str,
    password: str,
    *,
    token: str = "",
    auth: Sequence[str] = (),
    options: Options = DEFAULTS,
    dialogue: Dialogue | None = None,
    dialled: Dial | None = None,
) -> ImapMailbox:
    """Connect, encrypt as the endpoint says, and log in.

    `token` takes the place of the password where it is not empty. `auth`: the methods that are switched on,
    in the order in which they are tried, by their names in `shared.model.authentication`; () for the default
    ones. `dialogue` is called with every line, secrets masked. `dialled` replaces the network, for tests.

    Raises the errors of `shared.model.source_errors`, `shared.net.errors` and `shared.net.sasl`.
    """
    credentials = Credentials(username, password, token)
    ahead = None if needs_list(options.folders) else opening(ONLY_INBOX.raw, writable=not options.reads_only)

    async def log_in(
        wire: Wire, plan: LoginPlan, ahead: Command | None = None
    ) -> tuple[Conversation, LoggedIn]:
        conversation = Conversation(
            wire,
            str(endpoint),
            options.limits,
            tls_required=endpoint.tls is Tls.REQUIRED and not wire.is_tls,
            masker=masker(credentials),
            dialogue=dialogue,
            refused=options.refused,
        )
        greeting = await greeted(conversation.read_greeting(), IMAP, endpoint, options.timeouts.connect)
        wire.set_deadline(options.timeouts.login)
        logged_in = await log_in_after_greeting(conversation, endpoint, credentials, greeting, plan, ahead)
        wire.set_deadline(options.timeouts.session)
        return conversation, logged_in

    async def open_session(
        ahead: Command | None, preferred: str | None
    ) -> Connected[tuple[Conversation, LoggedIn]]:
        return await connect(
            endpoint,
            options.timeouts,
            login_plan(
                auth,
                replace(options, preferred=preferred),
                [each for each in STEPS if options.refused.has(str(endpoint), each)],
            ),
            dialled or partial(dial_source, protocol=IMAP),
            partial(log_in, ahead=ahead),
            starttls="STARTTLS",
            dialogue=dialogue,
        )

    connected = await open_session(ahead, options.preferred)
    conversation, logged_in = connected.session

    async def log_in_again() -> Conversation:
        again = await open_session(None, logged_in.method)
        session = again.session[0]
        for sentence in (*again.notes, *([again.shortfall.sentence] if again.shortfall else [])):
            session.note_alert(sentence)
        return session

    return ImapMailbox(conversation, logged_in, options, connected.notes, connected.shortfall, log_in_again)
