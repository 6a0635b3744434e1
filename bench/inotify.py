"""Dovecot notices new mail in a folder by inotify. Linux gives each user 128 instances; sessions beyond that
look only every 30 seconds, which would be measured instead of Mailferry.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
SPARE = 256
"""Instances for the other sessions and servers of the measurement."""


@contextmanager
def enough_inotify(sessions: int) -> Iterator[str]:
    """Raise the limit while inside, where root runs this; yield what to know about a result otherwise."""
    before = int(INSTANCES.read_text())
    if before >= sessions + SPARE:
        yield ""
        return
    try:
        INSTANCES.write_text(f"{sessions + SPARE}\n")
    except OSError:
        yield f"; inotify was limited to {before} sessions, the server told of mail late in the others"
        return
    try:
        yield ""
    finally:
        INSTANCES.write_text(f"{before}\n")
