"""Finds secrets that other users of this machine may read: in files of their own, or in the configuration.

As ssh does with keys, only the mode of the file counts, not those of the directories around it.
"""

from __future__ import annotations

import grp
import pwd
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shared.config.configuration import KeyLocation
from shared.config.document import Document
from shared.config.problems import Problems
from shared.config.settings import SECRETS
from shared.config.toml_lines import KeyPath

FILE = "_file"
URLS = ("url", "source")
_WITH_PASSWORD = re.compile(r"[A-Za-z0-9+.-]+://[^/?#@]*:[^/?#]+@|.*[?&]password=.")
ADVICE = "give it to the user who runs Mailferry and set its mode to 0600"
MOST_FILES = 20
"""Reported one by one. An operator with thousands of such files made them all in the same way."""


def add_exposed_secrets(problems: Problems, document: Document, keys: KeyLocation) -> None:
    """Add a problem for each file with a secret that others than its owner and root may read.

    `keys` says where the keys of sealed secrets are.
    """
    in_clear: dict[Document, KeyPath] = {}
    exposed: dict[Path, tuple[KeyPath, str]] = {}
    key_files = [("key_file", keys.key_file), *(("old_key_files", file) for file in keys.old_files)]
    for key, file in key_files:
        if file is not None and (readers := _readers(file)):
            exposed[file] = (("secrets", key), readers)
    for path, value in texts_of(document.data):
        key = str(path[-1])
        if path[:2] in document.overrides:
            continue
        if key.removesuffix(FILE) in SECRETS and key.endswith(FILE):
            file = document.absolute_path(value)
            if file not in exposed and (readers := _readers(file)):
                exposed[file] = (path, readers)
        elif _WITH_PASSWORD.match(value) if key in URLS else key in SECRETS:
            in_clear.setdefault(document.part_of(path)[0], path)
    _add_files(problems, exposed)
    for part, path in in_clear.items():
        if part.text is not None and (readers := _readers(Path(part.origin))):
            problems.add_problem(
                path, f'"{path[-1]}": {readers} may read this secret in {part.origin}; {ADVICE}'
            )


def _add_files(problems: Problems, exposed: Mapping[Path, tuple[KeyPath, str]]) -> None:
    for number, (file, (path, readers)) in enumerate(exposed.items()):
        if number == MOST_FILES:
            more = len(exposed) - MOST_FILES
            problems.add_problem((), f"{more} more files with secrets may be read by others like these")
            return
        problems.add_problem(path, f'"{path[-1]}": {readers} may read {file}; {ADVICE}')


def texts_of(data: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Yield the texts of the document that are not empty, with their paths."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from texts_of(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from texts_of(value, (*path, index))
    elif isinstance(data, str) and data:
        yield path, data


def _readers(file: Path) -> str | None:
    """Return who else may read the file, as the subject of a sentence; None for nobody."""
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
    """Whether only one user is in the group: the service's own, as in `root:mailferry` with mode 0640."""
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
