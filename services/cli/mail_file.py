"""A file for one mail: only its owner may read it, and nothing that was there before is overwritten."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from shared.model.errors import Fault, MailferryError


class FileNotWritten(MailferryError):
    """The file that the operator named cannot be written."""

    temporary = False
    fault = Fault.OPERATOR


@contextmanager
def mail_file(path: Path) -> Iterator[BinaryIO]:
    """A new file at `path` with mode 0600, durable when the block ends; where the block fails, none is left.

    Raises `FileNotWritten`, also where something is at `path` already, a symbolic link included.
    """
    try:
        file = owners_alone(path, os.O_EXCL)
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


def owners_alone(path: Path, flag: int) -> BinaryIO:
    """A file to write to that its owner alone may read, whatever the umask says.

    `flag` says what happens to what is there: `os.O_EXCL` refuses, `os.O_TRUNC` replaces. Raises OSError.
    """
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | flag, 0o600), "wb")
