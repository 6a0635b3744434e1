"""Why somebody is not signed in, or a person or token is not changed."""

from __future__ import annotations

from shared.model.errors import Fault, MailferryError


class _Refused(MailferryError):
    temporary = False
    fault = Fault.OPERATOR


class SignInRefused(_Refused):
    """Name, password or code are wrong; which of them is not told."""

    def __init__(self) -> None:
        super().__init__("name, password or code are wrong")


class CodeNeeded(_Refused):
    """The password is right, and the person has set up one-time codes."""

    def __init__(self) -> None:
        super().__init__("a one-time code of the app is needed, or a recovery code")


class CodeWrong(_Refused):
    """A one-time code is wrong, was used before, or belongs to another key."""

    def __init__(self) -> None:
        super().__init__("this code is wrong or was used before; wait for the next one")


class CodesNotBegun(_Refused):
    """Codes are to be confirmed that nobody began to set up."""

    def __init__(self) -> None:
        super().__init__("nobody began to set up one-time codes; begin again")


class PasswordWrong(_Refused):
    """The password that is to be replaced is another one."""

    def __init__(self) -> None:
        super().__init__("the present password is wrong")


class SessionUnknown(_Refused):
    """There is no such session."""

    def __init__(self) -> None:
        super().__init__("there is no such session")


class TooManyTries(_Refused):
    """Wrong passwords were given; the next try is accepted in `seconds`."""

    temporary = True

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many wrong passwords; try again in {max(1, round(seconds))} s")
        self.seconds = seconds


class LinkUnusable(_Refused):
    """A sign-in link was used before, has expired, or never was one."""

    def __init__(self) -> None:
        super().__init__("this link was used before or has expired; ask for a new one")


class UserUnknown(_Refused):
    """There is no such person, or nobody who asks may know of one."""

    def __init__(self) -> None:
        super().__init__("there is no such person")


class UserExists(_Refused):
    """The name is taken."""

    def __init__(self) -> None:
        super().__init__("there is a person with this name already")


class UserConflict(_Refused):
    """Somebody else changed the person meanwhile."""

    def __init__(self) -> None:
        super().__init__("somebody else changed this person meanwhile; read it again, then change it")


class GrantRefused(_Refused):
    """Somebody wants to give more than he has, or a role where it cannot be."""
