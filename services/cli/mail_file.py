"""Files for one exported mail: a file of its own, or one in a Maildir. Only their owner may read them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from shared.model.errors import Fault, MailferryError

MAILDIR_FOLDERS = ("tmp", "new", "cur")


class FileNotWritten(MailferryError):
    """The file or the Maildir that the operator named cannot be written."""

    temporary = False
    fault = Fault.OPERATOR


@contextmanager
def mail_file(path: Path) -> Iterator[BinaryIO]:
    """Open a new file at `path` with mode 0600, durable when the block ends; if the block fails, it is
    removed.

    Raises `FileNotWritten`, also where something is at `path` already, a symbolic link included.
    """
    try:
        file = _private_file(path, os.O_EXCL)
    except FileExistsError as error:
        raise FileNotWritten(f"{path} exists already and is not overwritten; name another file") from error
    except OSError as error:
        raise FileNotWritten(f"{path} cannot be written: {error.strerror}") from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        with suppress(OSError):
            path.unlink()
        if isinstance(error, OSError):
            raise FileNotWritten(f"{path} cannot be written: {error.strerror}") from error
        raise


@contextmanager
def maildir_file(directory: Path, message: str) -> Iterator[BinaryIO]:
    """Open a file for the mail called `message` in a Maildir, which is made where it is missing.

    The mail is under `tmp` while it is written. When the block ends it appears under `new`, durable, and
    replaces one that was put there before under this name and not moved since. If the block fails, nothing
    is left. Raises `FileNotWritten`.
    """
    name = f"{message}.{socket.gethostname().replace('/', '_').replace(':', '_')}"
    partial = directory / "tmp" / name
    try:
        for folder in MAILDIR_FOLDERS:
            (directory / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        with _private_file(partial, os.O_TRUNC) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.rename(directory / "new" / name)
    except OSError as error:
        raise FileNotWritten(f"the Maildir {directory} cannot be written to: {error.strerror}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _private_file(path: Path, flag: int) -> BinaryIO:
    """Open a file for writing that only its owner may read, whatever the umask says.

    `flag` says what happens to an existing one: `os.O_EXCL` refuses, `os.O_TRUNC` replaces. Raises OSError.
    """
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | flag, 0o600), "wb")
