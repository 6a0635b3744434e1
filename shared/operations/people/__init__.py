"""People and API tokens: who they are, how they sign in, and what they did."""

from shared.operations.people.auditing import Doer, audit_page, record, record_additions
from shared.operations.people.errors import (
    CodeNeeded,
    CodesNotBegun,
    CodeWrong,
    GrantRefused,
    LinkUnusable,
    PasswordWrong,
    SessionUnknown,
    SignInRefused,
    TooManyTries,
    UserConflict,
    UserExists,
    UserUnknown,
)
from shared.operations.people.members import NewUser, Users
from shared.operations.people.own import OwnAccess
from shared.operations.people.present import present_principal
from shared.operations.people.second_factor import Enrolment, SecondFactor
from shared.operations.people.signing_in import SESSION_IDLE, SignedIn, SignIns
from shared.operations.people.tokens import NewToken, Tokens, TokenUnknown
from shared.ports.store import ApiToken, User

__all__ = [
    "SESSION_IDLE",
    "ApiToken",
    "CodeNeeded",
    "CodeWrong",
    "CodesNotBegun",
    "Doer",
    "Enrolment",
    "GrantRefused",
    "LinkUnusable",
    "NewToken",
    "NewUser",
    "OwnAccess",
    "PasswordWrong",
    "SecondFactor",
    "SessionUnknown",
    "SignInRefused",
    "SignIns",
    "SignedIn",
    "TokenUnknown",
    "Tokens",
    "TooManyTries",
    "User",
    "UserConflict",
    "UserExists",
    "UserUnknown",
    "Users",
    "audit_page",
    "present_principal",
    "record",
    "record_additions",
]
