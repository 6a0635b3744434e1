"""Adapts the POP3 client to the port `Mailbox`.

Where the server pipelines, commands are sent before earlier ones are answered, within the window.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence

from typing_extensions import override

from services.fetcher.mailboxes.mailbox import Mailbox
from shared.model.mailbox import Capabilities, Listed, Listing, RetrieveEvent
from shared.model.source_errors import SourceRefused
from shared.net.errors import ConnectionLost
from shared.net.protection import Shortfall
from shared.pop3 import commands
from shared.pop3.capabilities import pipelines
from shared.pop3.commands import Command
from shared.pop3.conversation import Answer, Conversation
from shared.pop3.deletion import DeletionMarker, sync
from shared.pop3.events import Body, Reply
from shared.pop3.headers import read_header, read_headers
from shared.pop3.limits import Options
from shared.pop3.listing import Problems, combine, listing_digest, parse_sizes, parse_stat, parse_uids
from shared.pop3.login import LoggedIn
from shared.pop3.replies import REFUSALS
from shared.pop3.retrieval import Retrieval
from shared.pop3.server_quirks import ServerQuirks
from shared.ports.store import LONGEST_WAIT

TRIES_OF_TOP = 3
"""Mails whose header is asked for to see whether there is TOP: one of them may be refused for itself."""


class Pop3Mailbox(Mailbox):
    """An open POP3 mailbox; see `services.fetcher.mailboxes.pop3_opening.open_pop3`.

    `notes` are sentences about earlier connections, which listings carry as problems. `listed` are the
    answers to a listing that was requested with the login; () where none was. `shortfall` is one of the
    problems, too.
    """

    def __init__(
        self,
        conversation: Conversation,
        logged_in: LoggedIn,
        options: Options,
        notes: Sequence[str] = (),
        listed: Sequence[Answer] = (),
        shortfall: Shortfall | None = None,
    ) -> None:
        capabilities = logged_in.capabilities
        self._conversation = conversation
        self._capabilities = capabilities
        self._method = logged_in.method
        self._limits = options.limits
        self._window = options.window
        self._pipelining = pipelines(capabilities, options.pipelining)
        self._listed = listed
        self._notes = notes if shortfall is None else (*notes, shortfall.sentence)
        self._may_delete = False
        self._last_listing: Listing | None = None
        self._listing_ahead: Listing | None = None
        self._gave_header = False
        self._headers_refused = 0
        self._shortfall = shortfall
        self._quirks = ServerQuirks(
            conversation.server, use_top=options.use_top, announces_top="TOP" in capabilities
        )
        if options.use_top and capabilities.known and "TOP" not in capabilities:
            self._quirks.give_up_top("it does not announce it")

    @property
    @override
    def method(self) -> str:
        return self._method

    @property
    @override
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    @override
    def login_delay(self) -> float:
        return login_delay(self._capabilities)

    @property
    @override
    def shortfall(self) -> Shortfall | None:
        return self._shortfall

    @property
    @override
    def remarks(self) -> Sequence[str]:
        return tuple(self._quirks.remarks)

    @override
    async def fingerprint(self) -> str:
        if self._last_listing is None:
            self._last_listing = self._listing_ahead = await self._list()
        return listing_digest(self._last_listing)

    @override
    async def listing(self, since: str = "") -> Listing:
        ahead, self._listing_ahead = self._listing_ahead, None
        self._last_listing = ahead if ahead is not None else await self._list()
        return self._last_listing

    async def _list(self) -> Listing:
        listed, self._listed = self._listed, ()
        if listed:
            return self._combined(*listed)
        await self._begin(tolerant=False)
        if self._pipelining:
            return self._combined(
                *await self._conversation.execute_all(commands.LISTING, len(commands.LISTING))
            )
        stat = await self._conversation.execute(commands.STAT)
        if isinstance(stat, Reply) and stat.ok and parse_stat(stat.text) == 0:
            return Listing((), has_uids=True, problems=tuple(self._notes))
        sizes = await self._conversation.execute(commands.LIST)
        return self._combined(stat, sizes, await self._conversation.execute(commands.UIDL))

    def _combined(self, stat: Answer, sizes: Answer, uids: Answer) -> Listing:
        most, problems = self._limits.entries, Problems(list(self._notes))
        count = parse_stat(stat.text) if isinstance(stat, Reply) and stat.ok else None
        if isinstance(stat, Reply) and not stat.ok:
            self._check_missing("STAT", stat, announced=False)
        if count is None:
            problems.add_problem("The answer to STAT makes no sense.")
        sized = parse_sizes(sizes.data, most, problems) if isinstance(sizes, Body) else None
        named = parse_uids(uids.data, most, problems) if isinstance(uids, Body) else None
        if isinstance(uids, Reply):
            self._check_missing("UIDL", uids, announced="UIDL" in self._capabilities and count != 0)
            problems.add_problem("The server has no UIDL: no copies can be left there.")
        if isinstance(sizes, Reply):
            self._check_missing("LIST", sizes, announced=named is None and count != 0)
            problems.add_problem("The server has no LIST: sizes are not known.")
        return combine(count, sized, named, most, problems)

    def _check_missing(self, name: str, reply: Reply, *, announced: bool) -> None:
        """Raise the refusal of a command that the server has, so that mails do not seem to be gone."""
        if announced or REFUSALS.is_temporary(reply.code, reply.text):
            raise REFUSALS.of_command(f"{name} on {self._conversation.server}", reply.code, reply.text)

    @override
    async def retrieve(
        self, entries: Sequence[Listed], cut: Collection[str] = ()
    ) -> AsyncIterator[list[RetrieveEvent]]:
        await self._begin(tolerant=True)
        window = self._window if self._pipelining else None
        retrieval = Retrieval(self._conversation, entries, window, self._quirks, cut)
        async for events in retrieval.run():
            yield events

    @override
    async def delete(self, entries: Sequence[Listed]) -> Sequence[Listed]:
        await self._begin(tolerant=True)
        self._may_delete = self._may_delete or bool(entries)
        deletion = DeletionMarker(
            self._conversation, entries, self._window.deletions if self._pipelining else 1
        )
        await deletion.run()
        if deletion.unanswered:
            self._quirks.remarks.append(
                f"{self._conversation.server} did not readably answer the deletion of {deletion.unanswered} "
                "mails; the next visit will see whether it deleted them."
            )
        return deletion.agreed

    @override
    async def headers(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, bytes | None]]:
        await self._begin(tolerant=False)
        ahead = self._window.retrievals if self._pipelining else 1
        numbers = [entry.number for entry in entries]
        upcoming = iter(entries)
        async for header in read_headers(self._conversation, numbers, ahead):
            yield next(upcoming), header

    @override
    async def received(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, float | None]]:
        """See `Mailbox.received`. A server without TOP is not asked again and again: some hang up then."""
        if not await self._gives_headers(entries):
            for entry in entries:
                yield entry, None
            return
        async for answer in super().received(entries):
            yield answer

    async def _gives_headers(self, entries: Sequence[Listed]) -> bool:
        """Return whether the server gave a header, or may yet. The first mails are asked for one by one."""
        if self._capabilities.known and "TOP" not in self._capabilities:
            return False
        for entry in entries:
            if self._gave_header or self._headers_refused >= TRIES_OF_TOP:
                break
            try:
                await self.header(entry)
                self._gave_header = True
            except SourceRefused:
                self._headers_refused += 1
        return self._gave_header or self._headers_refused < TRIES_OF_TOP

    @override
    async def header(self, entry: Listed) -> bytes:
        await self._begin(tolerant=False)
        return await read_header(self._conversation, entry.number)

    @override
    async def finish(self) -> None:
        await self._begin(tolerant=True)
        try:
            if self._conversation.in_doubt:
                await sync(self._conversation)
            await self._command(commands.QUIT)
        except ConnectionLost:
            # Without an answer it is unknown whether the server deleted anything.
            if self._may_delete:
                raise
        await self._conversation.wire.close()

    @override
    async def abort(self) -> None:
        self._conversation.wire.abort()

    async def _begin(self, *, tolerant: bool) -> None:
        """Discard what is still to come of an operation that was left.

        Custody depends on listings and headers, so that they tolerate no lines that are no answers. Mails,
        deletions and the end of the session do.
        """
        await self._conversation.discard_answers()
        self._conversation.tolerate_noise(tolerant)

    async def _command(self, command: Command) -> None:
        await self._conversation.discard_answers()
        answer = await self._conversation.execute(command)
        if isinstance(answer, Reply) and not answer.ok:
            raise REFUSALS.of_command(
                f"{command.shown} on {self._conversation.server}", answer.code, answer.text
            )


def login_delay(capabilities: Capabilities) -> float:
    """Return the seconds that LOGIN-DELAY names (RFC 2449, section 6.5), one day at most."""
    for written in capabilities.arguments.get("LOGIN-DELAY", ())[:1]:
        if written.isascii() and written.isdigit():
            return min(float(written[:10]), LONGEST_WAIT)
    return 0.0
