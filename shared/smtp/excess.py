"""Whether a refusal says that a transaction has too many recipients (RFC 5321, section 4.5.3.1.10).

Such a refusal is about the number and not about anybody: those who were refused may be served at once in
another transaction. Servers say it in many ways; the words and the enhanced code x.5.3 (RFC 3463) count,
whatever the reply code.
"""

from __future__ import annotations

import re

from shared.smtp.reply import Reply

TOO_MANY_RECIPIENTS = (5, 3)
"""Subject and detail (RFC 3463, section 3.6)."""
LIMIT_CODES = frozenset({452, 552})
"""What RFC 5321 and RFC 821 want said; both are said of a full mailbox or disk, too."""

# "Too many unknown recipients" is a reproach and no limit, so hardly a word may stand between.
_WORDS = re.compile(
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


def says_too_many_recipients(reply: Reply) -> bool:
    """Whether the reply says so in words or by its enhanced code."""
    if reply.severity not in {4, 5} or reply.local:
        return False
    enhanced = reply.enhanced
    if enhanced is not None and (enhanced.subject, enhanced.detail) == TOO_MANY_RECIPIENTS:
        return True
    return _WORDS.search(b" ".join(reply.lines)) is not None


def may_mean_too_many_recipients(reply: Reply) -> bool:
    """Whether the reply to RCPT may mean that, as its code alone can: 452 or 552 without an enhanced code."""
    return reply.code in LIMIT_CODES and reply.enhanced is None and not reply.local
