from __future__ import annotations

from pathlib import Path

from tests.fakes.command import mailferry


async def test_the_demo_ends_well_with_every_mail_where_it_belongs() -> None:
    ended = await mailferry("demo")
    assert ended.code == 0, ended.out + ended.err
    assert "Every mail is where it belongs: 39 mails, 38 deliveries, none twice" in ended.out
    assert ended.err == ""
    *_, headline, ferry, _, console = ended.out.splitlines()
    assert headline == "Next, one pass with a mailbox of your own, which is left as it is:"
    assert ferry.endswith(" ferry pop3s://USER@SOURCE smtp://TARGET --to ADDRESS --retention keep")
    assert console.endswith(" demo --console")


async def test_the_files_that_the_demo_keeps_can_be_inspected(tmp_path: Path) -> None:
    kept = tmp_path / "what was kept"
    ended = await mailferry("demo", "--keep", kept)
    assert ended.code == 0
    assert f"mailferry status -c '{kept}/mailferry.toml'" in ended.out
    trace = await mailferry("trace", "grete@firma.example", "-c", kept / "mailferry.toml")
    assert trace.code == 0
    assert "deferred: 451 4.7.1 Greylisted" in trace.out
    assert "gone: deleted as settled" in trace.out
    verified = await mailferry("journal", "verify", "-c", kept / "mailferry.toml")
    assert (verified.code, verified.out) == (0, "39 mails, no differences\n")


async def test_the_demo_keeps_its_files_in_a_new_directory_only(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    ended = await mailferry("demo", "--keep", tmp_path)
    assert ended.code == 2
    assert "is not empty" in ended.err
