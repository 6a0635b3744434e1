"""The unit tests mirror the tree: a test module has the folder and the name of the module that it tests."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.command import REPOSITORY

UNIT = REPOSITORY / "tests" / "unit"
ROOTS = (REPOSITORY / "services", REPOSITORY / "shared", REPOSITORY)
SEVERAL = "several modules together"
EXCEPTIONS = {
    "test_mirror.py": "the tree itself",
    "adapters/sql/test_urls.py": SEVERAL,
    "custody/test_properties.py": SEVERAL,
    "custody/test_unbacked.py": SEVERAL,
    "docs/test_german.py": "the German pages beside the English ones",
    "docs/test_pages.py": "every page of the documentation",
    "docs/test_typed_commands.py": "every command that a page shows",
    "imap/test_fuzzed.py": SEVERAL,
    "imap/test_mails.py": SEVERAL,
    "imap/test_oddities.py": SEVERAL,
    "net/test_addresses.py": SEVERAL,
    "operations/test_tenant_limits.py": SEVERAL,
    "pop3/test_mails_refused_for_now.py": SEVERAL,
    "pop3/test_noise.py": SEVERAL,
    "pop3/test_scram_over_tls.py": SEVERAL,
    "pop3/test_throttled.py": SEVERAL,
    "relay/delivery/test_too_many_recipients.py": SEVERAL,
    "smtp/test_chunking.py": SEVERAL,
    "smtp/test_lmtp.py": SEVERAL,
    "smtp/test_pipelined_mails.py": SEVERAL,
    "smtp/test_real_mails.py": SEVERAL,
    "smtp/test_slow_answer.py": SEVERAL,
    "smtp/test_untrusted_certificate.py": SEVERAL,
}
"""Test modules that are named after no module, and why."""


def counterparts_of(folder: Path) -> list[Path]:
    """The folders whose code the tests in `folder` test."""
    counterparts = [root / folder.relative_to(UNIT) for root in ROOTS]
    return [each for each in counterparts if each.is_dir()]


def names_of(folder: Path) -> set[str]:
    """The names of modules, packages and other files, as the names of test modules have them."""
    return {each.name.removesuffix(".py").split(".")[0] for each in folder.iterdir()} | {
        each.stem.replace(".", "_") for each in folder.iterdir()
    }


def is_named_after_a_module(test: Path) -> bool:
    """Whether `test_module.py` or `test_module_aspect.py` has its module."""
    words = test.stem.removeprefix("test_").split("_")
    candidates = {"_".join(words[:length]) for length in range(1, len(words) + 1)}
    return any(candidates & names_of(folder) for folder in counterparts_of(test.parent))


def test_every_folder_of_unit_tests_has_its_counterpart() -> None:
    folders = {test.parent for test in UNIT.rglob("test_*.py")}
    assert [str(each.relative_to(UNIT)) for each in sorted(folders) if not counterparts_of(each)] == []


def test_every_unit_test_is_named_after_a_module() -> None:
    """The exceptions are those that are listed here, and no others."""
    tests = sorted(UNIT.rglob("test_*.py"))
    assert [str(each.relative_to(UNIT)) for each in tests if not is_named_after_a_module(each)] == sorted(
        EXCEPTIONS
    )
