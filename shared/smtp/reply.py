"""The reply of an SMTP server (RFC 5321, section 4.2), and what it says about a recipient.

The text of a reply is kept raw; `Reply.text` makes it safe to show.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from shared.model.errors import quoted

ENHANCED = re.compile(rb"([245])\.([0-9]{1,3})\.([0-9]{1,3})(?![0-9.])")

UNKNOWN_RECIPIENT = frozenset({(1, 0), (1, 1), (1, 2), (1, 3), (1, 6), (1, 10), (2, 1), (4, 1)})
"""Subject and detail (RFC 3463). 4.1 is what Exchange Online says if a recipient is not in its directory."""
UNKNOWN_RECIPIENT_CODES = frozenset({550, 551, 553})

TOO_MANY_RECIPIENTS = (5, 3)
"""Subject and detail (RFC 3463, section 3.6)."""
RECIPIENT_LIMIT_CODES = frozenset({452, 552})
"""The codes that RFC 5321 (section 4.5.3.1.10) and RFC 821 want; both also mean a full mailbox or disk."""

# "Too many unknown recipients" is no limit, so few words may stand between.
_TOO_MANY_RECIPIENTS_TEXT = re.compile(
    rb"""
    \b too \s+ (?:many|much) \s+ (?:(?:mail|message|e-?mail|envelope|smtp) \s+)?
        (?:recipients?|rcpts?|receivers|addressees|RCPT \s+ TO) \b
    | \b recipients \b [^.;:]{0,30} \b (?:limit|maximum) \b [^.;:]{0,20} \b (?:exceed|reach)
    | \b (?:limit|maximum|number) \b [^.;:]{0,20} \b recipients \b [^.;:]{0,40} \b (?:exceed|reach)
    | \b exceed (?:s|ed|ing)? \b [^.;:]{0,30} \b (?:limit|maximum|number) \b [^.;:]{0,20} \b recipients \b
    | \b recipients \b [^.;:]{0,20} \b exceed (?:s|ed|ing)? \b [^.;:]{0,20} \b (?:limit|maximum) \b
    """,
    re.IGNORECASE | re.VERBOSE,
)


class EnhancedStatus(NamedTuple):
    """An enhanced status code, as in `5.1.1` (RFC 3463)."""

    status_class: int
    subject: int
    detail: int

    @property
    def text(self) -> str:
        """The code as it is written, with dots."""
        return f"{self.status_class}.{self.subject}.{self.detail}"


class Reply(NamedTuple):
    """One reply: its code and the text of each line (at least one), without code and line end.

    `local`: no server gave this reply; the client refused the mail itself and says so in the same form.
    """

    code: int
    lines: tuple[bytes, ...]
    local: bool = False

    @property
    def severity(self) -> int:
        """The first digit: 2 done, 3 go on, 4 not now, 5 no (RFC 5321, section 4.2.1)."""
        return self.code // 100

    @property
    def positive(self) -> bool:
        """Whether the command was carried out."""
        return 200 <= self.code < 300

    @property
    def enhanced(self) -> EnhancedStatus | None:
        """The code at the beginning of the text (RFC 2034); None if it is missing or contradicts `code`."""
        match = ENHANCED.match(self.lines[0])
        if match is None or int(match[1]) != self.severity:
            return None
        return EnhancedStatus(*map(int, match.groups()))

    @property
    def text(self) -> str:
        """Code and text on one line, escaped and cut, fit for logs and error messages."""
        return f"{self.code} {quoted(b' '.join(self.lines))}".rstrip()


def says_unknown_recipient(reply: Reply) -> bool:
    """Whether the reply to RCPT says for good that there is no such mailbox; its enhanced code decides."""
    if reply.severity != 5:
        return False
    if reply.enhanced is not None:
        return (reply.enhanced.subject, reply.enhanced.detail) in UNKNOWN_RECIPIENT
    return reply.code in UNKNOWN_RECIPIENT_CODES


def says_too_many_recipients(reply: Reply) -> bool:
    """Whether the reply says that the transaction has too many recipients, in words or by x.5.3 (RFC 3463).

    Such a refusal is about the number, not about a recipient: those refused may be accepted at once in
    another transaction. Servers use many reply codes for it, so the code does not count.
    """
    if reply.severity not in {4, 5} or reply.local:
        return False
    enhanced = reply.enhanced
    if enhanced is not None and (enhanced.subject, enhanced.detail) == TOO_MANY_RECIPIENTS:
        return True
    return _TOO_MANY_RECIPIENTS_TEXT.search(b" ".join(reply.lines)) is not None


def may_mean_too_many_recipients(reply: Reply) -> bool:
    """Whether the code of a reply to RCPT may mean that: 452 or 552 without an enhanced code."""
    return reply.code in RECIPIENT_LIMIT_CODES and reply.enhanced is None and not reply.local
