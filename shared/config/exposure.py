"""Secrets that other users of this machine may read: in files of their own, or in the configuration itself.

As ssh does with keys, only the mode of the file is looked at, not those of the directories around it.
"""

from __future__ import annotations

import grp
import pwd
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

from shared.config.document import Document
from shared.config.locate import Path
from shared.config.problems import Problems
from shared.config.settings import SECRETS

FILE = "_file"
URLS = ("url", "source")
_WITH_PASSWORD = re.compile(r"[A-Za-z0-9+.-]+://[^/?#@]*:[^/?#]+@|.*[?&]password=.")
ADVICE = "give it to the user who runs Mailferry and set its mode to 0600"
MOST_FILES = 20
"""Told one by one. Whoever has a file for each of thousands of accounts made them all in the same way."""


def note_exposed(problems: Problems, document: Document) -> None:
    """Note each file with a secret that others than its owner and root may read."""
    clear = None
    exposed: dict[FilePath, tuple[Path, str]] = {}
    for path, value in _texts(document.data):
        key = str(path[-1])
        if path[:2] in document.overrides:
            continue
        if key.removesuffix(FILE) in SECRETS and key.endswith(FILE):
            file = document.resolved(value)
            if file not in exposed and (readers := _readers(file)):
                exposed[file] = (path, readers)
        elif clear is None and (_WITH_PASSWORD.match(value) if key in URLS else key in SECRETS):
            clear = path
    _note_files(problems, exposed)
    if clear is not None and document.text is not None and (readers := _readers(FilePath(document.origin))):
        problems.add(clear, f'"{clear[-1]}": {readers} may read this secret in {document.origin}; {ADVICE}')


def _note_files(problems: Problems, exposed: Mapping[FilePath, tuple[Path, str]]) -> None:
    for number, (file, (path, readers)) in enumerate(exposed.items()):
        if number == MOST_FILES:
            more = len(exposed) - MOST_FILES
            problems.add((), f"{more} more files with secrets may be read by others like these")
            return
        problems.add(path, f'"{path[-1]}": {readers} may read {file}; {ADVICE}')


def _texts(data: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """The texts of the document that say something, with their paths."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _texts(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _texts(value, (*path, index))
    elif isinstance(data, str) and data:
        yield path, data


def _readers(file: FilePath) -> str | None:
    """Who else may read the file, as the subject of a sentence; None where nobody may, or it is no file."""
    try:
        status = file.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    mode = f"mode {stat.S_IMODE(status.st_mode):04o}"
    if status.st_mode & stat.S_IROTH:
        return f"every user of this machine ({mode})"
    if status.st_mode & stat.S_IRGRP and status.st_gid != 0 and not _is_private(status.st_gid):
        return f"the group {_name(status.st_gid)} ({mode})"
    return None


def _is_private(gid: int) -> bool:
    """Whether one user alone is in the group: the service's own, as in `root:mailferry` with mode 0640."""
    members: set[Any] = {user.pw_name for user in pwd.getpwall() if user.pw_gid == gid}
    try:
        members.update(grp.getgrgid(gid).gr_mem)
    except KeyError:
        return False
    return len(members - {"root"}) == 1


def _name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
