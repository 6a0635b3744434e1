"""A short-lived directory that the servers' own users can reach."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path


@contextmanager
def server_directory(name: str, parent: Path | None = None) -> Iterator[Path]:
    """A fresh directory for one server, removed afterwards; in `parent`, or where temporary files are.

    It is not pytest's `tmp_path`: that one is closed to other users, and servers started by root change to
    theirs; its path is also too long for a Unix socket.
    """
    path = Path(tempfile.mkdtemp(prefix=f"mf-{name}-", dir=parent))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def is_root() -> bool:
    return os.geteuid() == 0


def current_user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def give_to(user: str, *paths: Path) -> None:
    """Makes `user` the owner of `paths` where we are root; otherwise everything runs as ourselves anyway."""
    if not is_root():
        return
    owner = _passwd_entry(user)
    for path in paths:
        os.chown(path, owner.pw_uid, owner.pw_gid)


@cache
def _passwd_entry(user: str) -> pwd.struct_passwd:
    return pwd.getpwnam(user)
