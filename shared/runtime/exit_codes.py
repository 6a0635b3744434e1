"""The exit code and the message of a process that an error ends.

Exit codes: 1 failed, 75 failed for now (EX_TEMPFAIL), 78 the configuration cannot be used (EX_CONFIG).
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.model.errors import ConfigurationError, MailferryError

FAILURE = 1
USAGE = 2
TEMPORARY_FAILURE = 75


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """An exit code, and the sentences that explain it."""

    code: int
    sentences: tuple[str, ...]


def exit_status(error: BaseException) -> ExitStatus | None:
    """Return how `error`, which may be a group, ends a process; None if some part of it is a defect.

    The failure is temporary if all parts are. Problems of the configuration go before all else.
    """
    leaves = _leaves(error)
    known = [leaf for leaf in leaves if isinstance(leaf, MailferryError)]
    if len(known) < len(leaves):
        return None
    refusals = [leaf for leaf in known if isinstance(leaf, ConfigurationError)]
    if refusals:
        problems = [problem for refusal in refusals for problem in refusal.problems]
        return ExitStatus(ConfigurationError.exit_code, tuple(dict.fromkeys(problems)))
    code = TEMPORARY_FAILURE if all(leaf.temporary for leaf in known) else FAILURE
    return ExitStatus(code, tuple(dict.fromkeys(f"mailferry: {leaf}" for leaf in known)))


def _leaves(error: BaseException) -> list[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for each in error.exceptions for leaf in _leaves(each)]
