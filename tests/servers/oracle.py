"""What has to hold in the end, whatever happened on the way: the promises of Mailferry as assertions."""

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
class Books:
    """What Mailferry's database says; nobody has to run for that."""

    path: Path

    def told(self, *command: str) -> bytes:
        """What a command says that ends well."""
        result = CliRunner().invoke(main, [*command, "-c", str(self.path)])
        assert result.exit_code == 0, result.output
        return result.stdout_bytes

    def stories(self, text: str) -> list[dict[str, Any]]:
        """The stories of the mails that match, none where there are none."""
        command = ["trace", text, "--limit", ALL, "-o", "json", "-c", str(self.path)]
        stories = json.loads(CliRunner().invoke(main, command).stdout)
        assert isinstance(stories, list)
        return stories

    def in_doubt(self, addresses: Iterable[Address]) -> Copies:
        """How many attempts nobody saw the end of, by tag and recipient."""
        return Counter(
            {
                (_tag(story), recipient["address"]): recipient["in_doubt"]
                for address in addresses
                for story in self.stories(address)
                for recipient in story["recipients"]
            }
        )

    def delivered(self, addresses: Iterable[Address]) -> set[tuple[str, Address]]:
        """Tags and recipients that are recorded as delivered."""
        return {
            (_tag(story), recipient["address"])
            for address in addresses
            for story in self.stories(address)
            for recipient in story["recipients"]
            if recipient["status"] == "delivered"
        }

    def parked(self) -> dict[str, str]:
        """The ids of parked mails by their tags."""
        rows = json.loads(self.told("parked", "list", "-o", "json"))
        return {_tag(row): row["message"] for row in rows}

    def agree(self, messages: int) -> None:
        """The journal agrees with the tables about this many mails."""
        noun = "message" if messages == 1 else "messages"
        assert self.told("journal", "verify").decode() == f"{messages} {noun}, no differences\n"


def copies(accepted: Iterable[AcceptedMail]) -> Copies:
    """How many copies arrived, by tag and recipient."""
    return Counter((tag_of(mail.content), recipient) for mail in accepted for recipient in mail.recipients)


def arrived_whole(accepted: Sequence[AcceptedMail], mails: Iterable[Tagged]) -> None:
    """Each copy is what its sender wrote, and copies of one mail have one id."""
    originals = {mail.tag: lf(mail.raw) for mail in mails}
    ids: dict[str, set[bytes]] = {}
    for mail in accepted:
        tag = tag_of(mail.content)
        assert untraced(mail.content) == originals[tag], tag
        ids.setdefault(tag, set()).add(mail.content.split(b"\r\n", 1)[0])
    assert [tag for tag, lines in ids.items() if len(lines) > 1] == []


def none_twice_but_in_doubt(arrived: Copies, in_doubt: Mapping[tuple[str, Address], int]) -> None:
    """One copy each, and one more at most for every attempt that was counted as in doubt."""
    surplus = {key: number for key, number in arrived.items() if number > 1 + in_doubt.get(key, 0)}
    assert surplus == {}, {key: number for key, number in in_doubt.items() if number}


def _tag(row: Mapping[str, Any]) -> str:
    """From a Message-ID as `tests.fakes.tagged` writes it."""
    return str(row["message_id"]).removeprefix("<").removesuffix("@tags.example>")
