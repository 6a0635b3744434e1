from __future__ import annotations

from shared.runtime.readiness import Readiness


def test_a_process_without_checks_is_ready() -> None:
    assert Readiness().problems() == {}


def test_a_check_is_asked_anew_each_time() -> None:
    answers = iter(["The broker blocks publishers.", None])
    readiness = Readiness()
    readiness.watch("broker", lambda: next(answers))
    assert readiness.problems() == {"broker": "The broker blocks publishers."}
    assert readiness.problems() == {"broker": None}


def test_what_was_said_holds_until_it_is_said_again() -> None:
    readiness = Readiness()
    readiness.set("disk", "The disk of the blobs is full.")
    readiness.set("store", None)
    assert readiness.problems() == {"disk": "The disk of the blobs is full.", "store": None}
    readiness.set("disk", None)
    assert readiness.problems() == {"disk": None, "store": None}


def test_a_remark_is_shown_and_keeps_nothing_from_being_ready() -> None:
    readiness = Readiness()
    readiness.note("relay", lambda: "a target is out of reach")
    readiness.note("router", lambda: None)
    assert readiness.remarks() == {"relay": "a target is out of reach"}
    assert readiness.problems() == {}
