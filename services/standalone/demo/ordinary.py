"""Letters of the demo for which only the right recipients have to be found."""

from __future__ import annotations

from services.standalone.demo.letters import Letter, identified, letter, written
from services.standalone.demo.people import BOB, CAROL, CATCH_ALL, DAVE, POSTMASTER, TO_ALL_THREE


def envelopes() -> list[Letter]:
    """Mails whose envelope the provider recorded in a header field, or whose recipients nobody can know."""
    return [
        letter("plain", "ordinary", (BOB,), f"X-Original-To: {BOB}", "To: bob@firma.example"),
        letter(
            "bcc",
            "blind copy to Carol",
            (CAROL,),
            f"X-Original-To: {CAROL}",
            "To: somebody@elsewhere.example",
        ),
        letter(
            "list",
            "list mail, envelope recorded",
            (DAVE,),
            f"Delivered-To: {DAVE}",
            "List-Id: <gardening.lists.example>",
            "To: gardening@lists.example",
        ),
        letter(
            "list-bare",
            "list mail, envelope unknown",
            (POSTMASTER,),
            "List-Id: <cooking.lists.example>",
            "To: cooking@lists.example",
        ),
        letter(
            "translated",
            "old domain, translated",
            ("eve@firma.example",),
            "X-Original-To: eve@alte-firma.example",
            "To: eve@alte-firma.example",
        ),
        Letter(
            "bounce",
            CATCH_ALL,
            "bounce with a null sender",
            written(f"X-Original-To: {BOB}", identified("bounce"), sender="", subject="Undelivered mail"),
            (BOB,),
        ),
    ]


def copies() -> list[Letter]:
    """One mail to three people: the provider stored three copies, with or without their recipients."""
    marked = [
        Letter(
            f"offer-{number}",
            CATCH_ALL,
            f"offer for three, {address.partition('@')[0].title()}'s copy",
            written(f"X-Original-To: {address}", identified("offer"), TO_ALL_THREE, subject="Our offer"),
            (address,),
        )
        for number, address in enumerate((BOB, CAROL, DAVE), 1)
    ]
    same = written(identified("minutes"), TO_ALL_THREE, subject="Minutes")
    unmarked = [
        Letter(
            f"minutes-{number}",
            CATCH_ALL,
            f"minutes for three, {number} of 3",
            same,
            (BOB, CAROL, DAVE),
            original="minutes",
        )
        for number in (1, 2, 3)
    ]
    return marked + unmarked + _filtered()


def _filtered() -> list[Letter]:
    """A mail to Bob with a blind copy to Carol; the provider's content filter added Received lines on top."""
    return [
        Letter(
            f"filter-{number}",
            CATCH_ALL,
            f"behind a content filter, {whose}",
            written(
                "Received: from localhost (localhost [127.0.0.1]) by mx.provider.example (Postfix) id 3",
                "Received: from mx.provider.example ([127.0.0.1]) by localhost (amavisd-new) id 2",
                f"Received: from x (x.elsewhere.example [192.0.2.1]) by mx.provider.example for <{address}>",
                identified("filter"),
                f"To: {BOB}",
                subject="Between us",
            ),
            (address,),
        )
        for number, (address, whose) in enumerate(((BOB, "to Bob"), (CAROL, "Carol's blind copy")), 1)
    ]


def visible() -> list[Letter]:
    """Mails whose recipients only the visible fields name."""
    return [
        letter(
            "foreign",
            "one of ours, one elsewhere",
            (BOB,),
            "To: bob@firma.example; boss@other-company.example",
        ),
        letter(
            "nobody-here",
            "none of ours",
            (POSTMASTER,),
            "To: Friends <friends@other-company.example>",
        ),
        letter(
            "unknown",
            "unknown at the target",
            (POSTMASTER,),
            "X-Original-To: nobody@firma.example",
            "To: nobody@firma.example",
        ),
        letter(
            "group",
            "group, comment, encoded name",
            (BOB, CAROL),
            "To: The board: =?utf-8?q?B=C3=B6b?= <bob@firma.example>, carol@firma.example (in charge);",
        ),
        letter(
            "odd",
            "odd but valid addresses",
            ("o'hara+news@firma.example", '"two words"@firma.example'),
            'To: "O\'Hara, Pat" <o\'hara+news@FIRMA.example>, <"two words"@firma.example>',
        ),
        letter(
            "resent",
            "resent to Dave",
            (DAVE,),
            "Resent-To: dave@firma.example",
            "To: someone@elsewhere.example",
        ),
        *(
            Letter(
                f"same-id-{number}",
                CATCH_ALL,
                f"same Message-ID, other text {number}",
                written(
                    identified("same"), f"X-Original-To: {BOB}", text=f"Report no. {number}", subject="Report"
                ),
                (BOB,),
            )
            for number in (1, 2)
        ),
    ]
