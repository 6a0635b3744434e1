"""What a server's NO, BAD and BYE mean: by response codes (RFC 5530 and later), or by words."""

from __future__ import annotations

import re
from dataclasses import replace

from shared.imap.events import Bye, Reply
from shared.imap.status_lines import Condition
from shared.model.errors import quoted
from shared.model.mailbox import Listed
from shared.model.source_errors import (
    CredentialsRefused,
    EncryptionMissing,
    LoginTooSoon,
    MailboxLocked,
    NotPermitted,
    SourceBusy,
    SourceError,
    SourceRefused,
    SourceViolation,
)
from shared.net.login.refusal import DAILY_VOLUME_PAUSE, Refusals

REFUSALS = Refusals(
    codes={
        "AUTHENTICATIONFAILED": CredentialsRefused,
        "AUTHORIZATIONFAILED": CredentialsRefused,
        "EXPIRED": CredentialsRefused,
        "WEBALERT": CredentialsRefused,
        "CONTACTADMIN": NotPermitted,
        "NOPERM": NotPermitted,
        "PRIVACYREQUIRED": EncryptionMissing,
        "LIMIT": LoginTooSoon,
        "INUSE": MailboxLocked,
        "OVERQUOTA": SourceBusy,
    },
    permanent={"CONTACTADMIN", "NOPERM", "PRIVACYREQUIRED"},
    busy={"UNAVAILABLE", "SERVERBUG", "CORRUPTION"},
    vague=dict.fromkeys(("UNAVAILABLE", "SERVERBUG", "CORRUPTION"), SourceRefused),
    pauses={"OVERQUOTA": DAILY_VOLUME_PAUSE},
)
_OF_FOLDER = replace(
    REFUSALS,
    codes={**REFUSALS.codes, "NONEXISTENT": NotPermitted, "TRYCREATE": NotPermitted},
    permanent={"PRIVACYREQUIRED"},
)
"""A folder can be made, and a right given, at any time; so another look is taken at the usual time."""

_NO_FOLDER = re.compile(
    rb"(?:unknown|no such) (?:mailbox|folder)|(?:mailbox|folder).{0,200}(?:not? exist|not found|unknown)"
    rb"|permission denied|access denied",
    re.IGNORECASE,
)
_UNSAFE_LOGIN = re.compile(rb"unsafe login", re.IGNORECASE)
_NO_MAIL_FOR_NOW = re.compile(rb"could not be fetched", re.IGNORECASE)
_NOT_UNDERSTOOD = re.compile(rb"error in imap command", re.IGNORECASE)
_GONE = re.compile(rb"no longer exist|no such message", re.IGNORECASE)


def refused_command(action: str, reply: Reply) -> SourceError:
    """Return the error for a refused command that is needed. `action` begins the sentence."""
    if was_not_understood(reply):
        said = quoted(reply.text) or "no reason was given"
        return SourceViolation(f"{action} was not understood: {said}.".replace("..", "."))
    return REFUSALS.of_command(action, reply.code, reply.text)


def refused_folder(server: str, folder: str, reply: Reply) -> SourceError:
    """Return the error for a folder that cannot be opened: somebody has to act, unless words say more."""
    action = f"Opening the folder {quoted(folder)} on {server}"
    if _UNSAFE_LOGIN.search(reply.text):
        return NotPermitted(
            f"{action} was refused: {quoted(reply.text)}. The provider does not take this program for a mail "
            "client; permit access by IMAP in the account's settings there."
        )
    if was_not_understood(reply):
        return refused_command(action, reply)
    error = _OF_FOLDER.of_command(action, reply.code, reply.text)
    if type(error) is SourceRefused and _NO_FOLDER.search(reply.text):
        return NotPermitted(str(error))
    return error


def refused_mail(entry: Listed, server: str, reply: Reply) -> SourceError:
    """Return the error for a mail that was asked for alone."""
    action = f"Retrieving mail {entry.number} from {server}"
    error = REFUSALS.of_mail(action, reply.code, reply.text)
    if type(error) is SourceRefused and _NO_MAIL_FOR_NOW.search(reply.text):
        return SourceBusy(str(error))
    return error


def farewell(server: str, bye: Bye) -> SourceError | None:
    """Return what a BYE says about the moment; None where it says no more than that the session ends."""
    action = f"The session with {server}"
    refused_login = REFUSALS.of_login(action, bye.code, bye.text)
    if isinstance(refused_login, (LoginTooSoon, MailboxLocked)):
        return refused_login
    error = REFUSALS.of_command(action, bye.code, bye.text)
    return error if isinstance(error, SourceBusy) else None


def was_not_understood(reply: Reply) -> bool:
    """Return whether the server does not know the command, or not in this form."""
    if reply.condition is Condition.BAD or reply.code == "CLIENTBUG":
        return not REFUSALS.is_temporary(reply.code, reply.text)
    return _NOT_UNDERSTOOD.search(reply.text) is not None


def says_gone(reply: Reply) -> bool:
    """Return whether the server says that mails of the command are gone: no error, but worth a look."""
    return reply.code == "EXPUNGEISSUED" or (not reply.ok and _GONE.search(reply.text) is not None)


def is_partial(reply: Reply) -> bool:
    """Return whether the server may have left out mails of the command, though it says OK (RFC 9738)."""
    return reply.code == "MESSAGELIMIT" or says_gone(reply)
