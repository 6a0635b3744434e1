from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.decide.transmission import Transmission, read_moment, read_transmission
from services.router.header.fields import read_header
from tests.fakes.mails import mail

LINE = "Received: from out (out.x.example [192.0.2.1]) by mx.isp.example id 1; Thu, 1 Jan 2026 00:01:05 +0000"
MINUTE = 1_767_225_660 // 60


def test_the_topmost_line_tells_the_sending_hop_and_the_minute() -> None:
    found = read_transmission(
        read_header(mail(LINE, "Received: by other.example; Fri, 2 Jan 2026 00:00 +0000"))
    )
    assert found == Transmission("mx.isp.example out.x.example 192.0.2.1", MINUTE)


def test_without_a_line_nothing_is_known() -> None:
    assert read_transmission(read_header(mail("Subject: x"))) is None


@pytest.mark.parametrize("line", ["by mx.isp.example; soon", "from x; Thu, 1 Jan 2026 00:01:05 +0000"])
def test_what_cannot_be_read_stands_for_itself(line: str) -> None:
    assert read_transmission(read_header(mail(f"Received: {line}"))) == Transmission(line, None)


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        (b"Thu, 1 Jan 2026 01:00:00 +0100", 1_767_225_600),
        (b"1 Jan 2026 00:00:00 GMT (noted)", 1_767_225_600),
        (b"Thu, 1 Jan 2026 00:00", 1_767_225_600),
        (b"Thu, 1 Jan 1970 00:00:07 +0000", None),
        (b"Mon, 99 Foo 2026 25:61:61 +9999999999999999999", None),
        (b"soon", None),
        (b"", None),
    ],
)
def test_a_moment_is_read_whatever_its_time_zone(date: bytes, moment: int | None) -> None:
    assert read_moment(date) == moment


@given(st.binary(max_size=120) | st.text(alphabet="Mon, 1Jan20:+-", max_size=40).map(str.encode))
def test_any_octets_are_a_moment_or_none(date: bytes) -> None:
    moment = read_moment(date)
    assert moment is None or isinstance(moment, int)
