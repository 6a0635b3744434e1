"""Forks the child, so that it finds nothing of the parent's but its end of a pair of sockets."""

from __future__ import annotations

import fcntl
import os
import signal
import socket

from shared.process.storekeeper.child import SIGNALS, serve_and_exit


def forked() -> tuple[int, socket.socket]:
    """The child's process id, and the end of the pair that is ours.

    No signal may find the child before it has parted from what the parent does at one.
    """
    ours, theirs = _connected()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        child = os.fork()
        if child == 0:
            serve_and_exit(theirs)
        return child, ours
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()


def _connected() -> tuple[socket.socket, socket.socket]:
    """Two ends, neither of them a standard stream, should those be closed."""
    ends = socket.socketpair()
    above = [socket.socket(fileno=fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 3)) for each in ends]
    for each in ends:
        each.close()
    return above[0], above[1]
