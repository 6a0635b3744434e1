"""Letters of the demo that break naive mail programs: no header, an mbox line, bare LF, dots, a huge mail."""

from __future__ import annotations

from services.standalone.demo.letters import Letter, identified, written
from services.standalone.demo.people import CATCH_ALL, DAVE, POSTMASTER

HUGE_LINES = 80_000


def oddities() -> list[Letter]:
    """Return the odd letters."""
    header = written(f"X-Original-To: {DAVE}", identified("odd"), subject="Odd", text="").removesuffix(
        b"\r\n"
    )
    return [
        Letter("empty", CATCH_ALL, "empty: 0 bytes", b"", (POSTMASTER,)),
        Letter(
            "headless", CATCH_ALL, "no header, only text", b"Has anybody seen my header?\r\n", (POSTMASTER,)
        ),
        Letter(
            "postmark",
            CATCH_ALL,
            'an mbox "From " line on top',
            b"From news@elsewhere.example Mon Mar  2 09:30:00 2026\r\n" + header + b"Still whole\r\n",
            (DAVE,),
        ),
        Letter(
            "bare-lf",
            CATCH_ALL,
            "line ends without CR",
            header.replace(b"\r\n", b"\n") + b"a\nb\r\n",
            (DAVE,),
        ),
        Letter("nul", CATCH_ALL, "NUL bytes", header + b"Before\0after\r\n", (DAVE,)),
        Letter(
            "8bit",
            CATCH_ALL,
            "8-bit text, undeclared",
            header + bytes(range(128, 256)) + b"\r\n",
            (DAVE,),
        ),
        Letter(
            "dots",
            CATCH_ALL,
            "lines of dots, also a single dot",
            header + b".\r\n..\r\n.leading\r\n\r\n.\r\nThe end.\r\n",
            (DAVE,),
        ),
        Letter(
            "long-line", CATCH_ALL, "a line of 100,000 characters", header + b"x" * 100_000 + b"\r\n", (DAVE,)
        ),
        Letter(
            "huge",
            CATCH_ALL,
            "over 5 MB, held in a blob",
            header + _huge_text(),
            (DAVE,),
        ),
    ]


def _huge_text() -> bytes:
    line = b"%06d .and so on, and so on, until it has become a huge mail..... \r\n"
    return b"".join(line % number for number in range(HUGE_LINES))
