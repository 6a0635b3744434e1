"""How a server deviates from the standard, as a session finds out."""

from __future__ import annotations

from shared.model.errors import quoted
from shared.pop3 import commands
from shared.pop3.commands import Command, Verb
from shared.pop3.events import Body, BodyEnded, Reply


class ServerQuirks:
    """What one session has learnt about its server.

    `stuffs_dots`: whether the server doubles dots at the beginning of lines; None while no mail has shown it.
    `serves`: a mail came. `remarks` are sentences for the operator.
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

    def read_command(self, number: int) -> Command:
        """Return the command that reads a mail."""
        return commands.top(number) if self._use_top else commands.retr(number)

    def may_lack_top(self, reply: Reply) -> bool:
        """Return whether a refusal of TOP may be about the command and not the mail."""
        return not (self._top_works or reply.code)

    def lacks_top(self, number: int, reply: Reply) -> bool:
        """Return whether such a refusal is about the command; then RETR is used from now on.

        It is where the server never announced TOP, or refused it for another mail, too.
        """
        self._first_without_top = self._first_without_top or number
        if self._announces_top and self._first_without_top == number:
            return False
        self.give_up_top(quoted(reply.text))
        return True

    def give_up_top(self, reason: str) -> None:
        """Use RETR from now on, as there is no TOP."""
        if self._use_top:
            self._use_top = False
            self.remarks.append(
                f"{self._server} has no TOP ({reason or 'it gave no reason'}), so use_top has no effect: "
                "mails are read by RETR, which may hide or delete them there."
            )

    def note_short_top(self, number: int) -> None:
        """Note that TOP gave less of a mail than LIST says, so that RETR is used for it."""
        if not self._top_fell_short:
            self._top_fell_short = True
            self.remarks.append(
                f"{self._server} gave less of mail {number}, and perhaps of others, by TOP than LIST says; "
                "such mails are read by RETR."
            )

    def learn_from_mail(self, event: Body | BodyEnded, octets: int, size: int) -> None:
        """Learn from a mail that came: `octets` of it where `size` were listed."""
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
