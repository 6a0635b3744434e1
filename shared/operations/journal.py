"""The journal against the state tables that are folded from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.config import Configuration
from shared.contract.codec import Undecodable
from shared.contract.journal import Fetched
from shared.model.progress import Progress, no_progress
from shared.operations.context import OperatorContext, open_context
from shared.ports.store import whole_journal
from shared.runtime.single_process_lock import single_process_lock


@dataclass(frozen=True, slots=True)
class JournalCheck:
    """How many messages the journal has, and where the state tables differ from it, as sentences.

    None where the journal cannot be read whole; the differences say where.
    """

    messages: int | None
    differences: Sequence[str]


async def verify_journal(context: OperatorContext) -> JournalCheck:
    """Fold the journal again and compare it with the state tables."""
    differences = await context.store.verify_journal()
    messages = 0
    try:
        async for entry in whole_journal(context.store):
            messages += isinstance(entry, Fetched) and entry.fetch_no == 1
    except Undecodable as error:
        return JournalCheck(None, differences or [str(error)])
    return JournalCheck(messages, differences)


async def rebuild_journal_state(configuration: Configuration, progress: Progress = no_progress) -> int:
    """Make the state tables anew from the journal; return the number of messages.

    No service may run: on SQLite that is made sure of (`AlreadyRunning`), elsewhere the operator has to.
    """
    async with single_process_lock(configuration.store.sqlite_path), open_context(configuration) as context:
        return await context.store.rebuild_tables(progress)
