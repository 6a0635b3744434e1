"""The promises of Mailferry as assertions, for the end of a test."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from services.cli.__main__ import main
from services.standalone.demo.smtp_session import AcceptedMail
from tests.fakes.tagged import Tagged, lf, tag_of, untraced

Address = str
Copies = Counter[tuple[str, Address]]
ALL = "1000"


@dataclass(frozen=True, slots=True)
class Records:
    """The records in Mailferry's database, read by commands. No service has to run."""

    path: Path

    def output_of(self, *command: str) -> bytes:
        """Return the output of a command, which must succeed."""
        result = CliRunner().invoke(main, [*command, "-c", str(self.path)])
        assert result.exit_code == 0, result.output
        return result.stdout_bytes

    def stories(self, text: str) -> list[dict[str, Any]]:
        """Return the traces of the mails that match."""
        command = ["trace", text, "--limit", ALL, "-o", "json", "-c", str(self.path)]
        stories = json.loads(CliRunner().invoke(main, command).stdout)
        assert isinstance(stories, list)
        return stories

    def in_doubt(self, addresses: Iterable[Address]) -> Copies:
        """Return the number of attempts in doubt, by tag and recipient."""
        return Counter(
            {
                (_tag(story), recipient["address"]): recipient["in_doubt"]
                for address in addresses
                for story in self.stories(address)
                for recipient in story["recipients"]
            }
        )

    def delivered(self, addresses: Iterable[Address]) -> set[tuple[str, Address]]:
        """Return tags and recipients that are recorded as delivered."""
        return {
            (_tag(story), recipient["address"])
            for address in addresses
            for story in self.stories(address)
            for recipient in story["recipients"]
            if recipient["status"] == "delivered"
        }

    def parked(self) -> dict[str, str]:
        """Return the ids of parked mails by their tags."""
        rows = json.loads(self.output_of("parked", "list", "-o", "json"))
        return {_tag(row): row["message"] for row in rows}

    def assert_journal_agrees(self, messages: int) -> None:
        """Assert that the journal agrees with the tables about this many mails."""
        noun = "mail" if messages == 1 else "mails"
        assert self.output_of("journal", "verify").decode() == f"{messages} {noun}, no differences\n"


def copies(accepted: Iterable[AcceptedMail]) -> Copies:
    """Return how many copies arrived, by tag and recipient."""
    return Counter((tag_of(mail.content), recipient) for mail in accepted for recipient in mail.recipients)


def assert_arrived_whole(accepted: Sequence[AcceptedMail], mails: Iterable[Tagged]) -> None:
    """Assert that each copy is as it was sent, and that copies of one mail have one id."""
    originals = {mail.tag: lf(mail.raw) for mail in mails}
    ids: dict[str, set[bytes]] = {}
    for mail in accepted:
        tag = tag_of(mail.content)
        assert untraced(mail.content) == originals[tag], tag
        ids.setdefault(tag, set()).add(mail.content.split(b"\r\n", 1)[0])
    assert [tag for tag, lines in ids.items() if len(lines) > 1] == []


def assert_no_duplicates(arrived: Copies, in_doubt: Mapping[tuple[str, Address], int]) -> None:
    """Assert that there is one copy each, and at most one more per attempt in doubt."""
    surplus = {key: number for key, number in arrived.items() if number > 1 + in_doubt.get(key, 0)}
    assert surplus == {}, {key: number for key, number in in_doubt.items() if number}


def _tag(row: Mapping[str, Any]) -> str:
    """Return the tag in a Message-ID of `tests.fakes.tagged`."""
    return str(row["message_id"]).removeprefix("<").removesuffix("@tags.example>")
