"""The database's epoch: whether it was restored from a backup, and whether deletion is allowed."""

from __future__ import annotations

from shared.operations.context import OperatorContext
from shared.operations.people import Doer, record
from shared.ports.store import Epoch
from shared.runtime.backup_marker import read_backup_marker, sign_of_restore, write_backup_marker


async def current_epoch(context: OperatorContext) -> Epoch:
    """Return the epoch in force. Pauses deletion where the backup marker shows that the database is older
    than it was, should no service have noticed yet.
    """
    marker = await read_backup_marker(context.blobs)
    epoch = await context.store.epoch()
    reason = sign_of_restore(epoch, marker)
    return epoch if reason is None else await context.store.pause_deletion(reason, context.clock.now())


async def confirm_epoch(context: OperatorContext) -> Epoch:
    """Allow deletion at the sources again; return the epoch in force."""
    marker = await read_backup_marker(context.blobs)
    epoch = await context.store.confirm_epoch(marker.mark if marker else 0)
    await write_backup_marker(context.blobs, epoch)
    return epoch


async def confirm_epoch_for(context: OperatorContext, doer: Doer) -> Epoch:
    """Allow deletion again, and record who did."""
    epoch = await confirm_epoch(context)
    await record(context, doer, "epoch.confirm", "epoch")
    return epoch
