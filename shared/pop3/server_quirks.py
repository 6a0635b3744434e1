"""What a session learns about a server's ways, and what the operator should know of it."""

from __future__ import annotations

from shared.model.errors import quoted
from shared.pop3 import commands
from shared.pop3.commands import Command, Verb
from shared.pop3.events import Body, BodyEnded, Reply


class ServerQuirks:
    """Of one server in one session.

    `stuffs_dots`: whether a mail showed that the server does, or does not, stuff dots; None while none did.
    `serves`: a mail came.
    """

    def __init__(self, server: str, *, use_top: bool = False, announces_top: bool = False) -> None:
        self._server = server
        self._announces_top = announces_top
        self._use_top = use_top
        self._top_works = False
        self._first_without_top = 0
        self._top_fell_short = False
        self.stuffs_dots: bool | None = None
        self.serves = False
        self.remarks: list[str] = []

    def asking_for(self, number: int) -> Command:
        """The command that reads a mail."""
        return commands.top(number) if self._use_top else commands.retr(number)

    def may_lack_top(self, reply: Reply) -> bool:
        """Whether a refusal of TOP may be about the command and not the mail."""
        return not (self._top_works or reply.code)

    def lacks_top(self, number: int, reply: Reply) -> bool:
        """Whether such a refusal is about the command: the server never said that it has it, or refuses it
        for another mail, too. Then RETR is used from now on.
        """
        self._first_without_top = self._first_without_top or number
        if self._announces_top and self._first_without_top == number:
            return False
        self.give_top_up(quoted(reply.text))
        return True

    def give_top_up(self, reason: str) -> None:
        """TOP is not to be had here."""
        if self._use_top:
            self._use_top = False
            self.remarks.append(
                f"{self._server} has no TOP ({reason or 'it gave no reason'}), so use_top has no effect: "
                "mails are read by RETR, which may hide or delete them there."
            )

    def top_falls_short(self, number: int) -> None:
        """TOP gave less of a mail than LIST says; RETR is asked for all of it."""
        if not self._top_fell_short:
            self._top_fell_short = True
            self.remarks.append(
                f"{self._server} gave less of mail {number}, and perhaps of others, by TOP than LIST says; "
                "such mails are read by RETR."
            )

    def learn(self, event: Body | BodyEnded, octets: int, size: int) -> None:
        """A mail came: `octets` of it where `size` were listed."""
        if event.command.verb is Verb.TOP:
            self._top_works = True
        if event.saw_bare_dot:
            if self.stuffs_dots is not False:
                self.remarks.append(
                    f"{self._server} does not double the dots that lines begin with (RFC 1939, section 3); "
                    "mails with such lines are read by their listed size."
                )
            self.stuffs_dots = False
        elif event.unstuffed and octets == size and self.stuffs_dots is None:
            self.stuffs_dots = True
