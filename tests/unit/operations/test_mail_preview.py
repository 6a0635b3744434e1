"""What a mail says, as text alone."""

from __future__ import annotations

from email.message import EmailMessage

from hypothesis import given
from hypothesis import strategies as st

from shared.operations.mail_preview import LONGEST_FIELD, LONGEST_TEXT, UNPRINTABLE, Preview, preview


def of(raw: bytes) -> Preview:
    return preview(raw, is_whole=True)


def test_encoded_fields_are_decoded() -> None:
    shown = of(b"Subject: =?iso-8859-1?q?Gr=FC=DFe?=\r\nFrom: bob@x.example\r\n\r\n")
    assert shown.subject == "Grüße"
    assert ("From", "bob@x.example") in shown.fields


def test_the_plain_part_is_shown_and_an_attachment_is_not() -> None:
    mail = EmailMessage()
    mail.set_content("the text")
    mail.add_alternative("<b>html</b>", subtype="html")
    mail.add_attachment("the attachment", filename="a.txt")
    assert of(bytes(mail)).text == "the text\n"
    only_html = EmailMessage()
    only_html.set_content("<b>html</b>", subtype="html")
    assert of(bytes(only_html)).text is None


def test_a_charset_that_nobody_knows_is_read_as_far_as_it_can_be() -> None:
    raw = b"Content-Type: text/plain; charset=odd\r\nSubject: =?odd?q?x?=\r\n\r\na\xffb"
    assert of(raw).text == "a\N{REPLACEMENT CHARACTER}b"


def test_what_turns_the_direction_of_text_is_replaced() -> None:
    assert of("Subject: \u202eexe.gpj\r\n\r\n".encode()).subject == "\N{REPLACEMENT CHARACTER}exe.gpj"


@given(st.binary(max_size=2000), st.booleans())
def test_no_mail_breaks_it(raw: bytes, whole: bool) -> None:
    for octets in (raw, b"Subject: " + raw + b"\r\n\r\n" + raw, b"Content-Type: " + raw + b"\r\n\r\n" + raw):
        shown = preview(octets, is_whole=whole)
        for text in [*(value for _, value in shown.fields), shown.text or ""]:
            assert not UNPRINTABLE.search(text)
            text.encode()
        assert all(len(value) <= LONGEST_FIELD for _, value in shown.fields)
        assert len(shown.text or "") <= LONGEST_TEXT
