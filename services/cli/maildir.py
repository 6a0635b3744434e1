"""One mail into a Maildir: under `tmp` while it is written, under `new` once it is whole."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from services.cli.mail_file import owners_alone
from shared.model.errors import Fault, MailferryError

FOLDERS = ("tmp", "new", "cur")


class NoMaildir(MailferryError):
    """What the operator named cannot be used as a Maildir."""

    temporary = False
    fault = Fault.OPERATOR


@contextmanager
def maildir_file(directory: Path, message: str) -> Iterator[BinaryIO]:
    """A file for the mail called `message` in the Maildir, which is made where it is missing.

    The mail appears when the block ends, durable; where the block fails, nothing is left. One that was put
    there under this name before, and not moved since, is replaced. Raises `NoMaildir`.
    """
    name = f"{message}.{socket.gethostname().replace('/', '_').replace(':', '_')}"
    partial = directory / "tmp" / name
    try:
        for folder in FOLDERS:
            (directory / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        with owners_alone(partial, os.O_TRUNC) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.rename(directory / "new" / name)
    except OSError as error:
        raise NoMaildir(f"the Maildir {directory} cannot be written to: {error.strerror}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
