from __future__ import annotations

from shared.model.errors import ConfigurationError, MailferryError
from shared.runtime.exit_codes import exit_status

TEMPORARY = MailferryError("The target is away.")
PERMANENT = MailferryError("This will not do.", temporary=False)


def test_a_temporary_error_ends_with_75_and_its_sentence() -> None:
    end = exit_status(TEMPORARY)
    assert end is not None
    assert (end.code, end.sentences) == (75, ("mailferry: The target is away.",))


def test_one_permanent_error_among_others_ends_with_1() -> None:
    end = exit_status(ExceptionGroup("both", [TEMPORARY, ExceptionGroup("inner", [PERMANENT])]))
    assert end is not None
    assert end.code == 1
    assert end.sentences == ("mailferry: The target is away.", "mailferry: This will not do.")


def test_the_configurations_problems_go_before_everything_else() -> None:
    end = exit_status(ExceptionGroup("both", [TEMPORARY, ConfigurationError(["a: 1", "a: 2"])]))
    assert end is not None
    assert (end.code, end.sentences) == (78, ("a: 1", "a: 2"))


def test_the_same_sentence_is_said_once() -> None:
    end = exit_status(ExceptionGroup("both", [TEMPORARY, TEMPORARY]))
    assert end is not None
    assert len(end.sentences) == 1


def test_a_defect_has_no_sentence() -> None:
    assert exit_status(ZeroDivisionError()) is None
    assert exit_status(ExceptionGroup("both", [TEMPORARY, ZeroDivisionError()])) is None
