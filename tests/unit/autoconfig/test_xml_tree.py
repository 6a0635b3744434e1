from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.autoconfig.xml_tree import DEEPEST, LARGEST_DOCUMENT, MOST_ELEMENTS, Unreadable, parse_xml

BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<clientConfig>&b;</clientConfig>"""
FILE = b"""<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>"""


def test_elements_have_their_attributes_texts_and_children() -> None:
    root = parse_xml(b'<a x="1">one<b> two </b>three<b/><c>four</c></a>')
    assert (root.tag, root.attributes, root.text) == ("a", {"x": "1"}, "onethree")
    assert root.texts("b") == ["two"]
    assert [child.tag for child in root.children] == ["b", "b", "c"]


@pytest.mark.parametrize("document", [BOMB, FILE, b"<!DOCTYPE html><html></html>"])
def test_a_document_type_is_refused_and_with_it_every_entity(document: bytes) -> None:
    with pytest.raises(Unreadable, match="document type"):
        parse_xml(document)


def test_the_entities_of_xml_itself_are_read() -> None:
    assert parse_xml(b"<a>&lt;&amp;&#65;</a>").text == "<&A"


@pytest.mark.parametrize(
    "document",
    [b"", b"no", b"<a>", b"<a></b>", b"<a>&what;</a>", b"<a/><b/>", b"\xff\xfe", b"<a>\x00</a>"],
)
def test_what_is_no_xml_is_refused(document: bytes) -> None:
    with pytest.raises(Unreadable, match="it is not XML"):
        parse_xml(document)


@pytest.mark.parametrize("encoding", [b"klingon", b"big5", b"rot13", b"utf-7"])
def test_an_encoding_that_the_parser_does_not_know_is_refused(encoding: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_xml(b'<?xml version="1.0" encoding="' + encoding + b'"?><a/>')


def test_size_depth_and_number_of_elements_are_bounded() -> None:
    with pytest.raises(Unreadable, match="larger than 256 KiB"):
        parse_xml(b"<a>" + b" " * LARGEST_DOCUMENT + b"</a>")
    with pytest.raises(Unreadable, match="too many elements"):
        parse_xml(b"<a>" * (DEEPEST + 1) + b"</a>" * (DEEPEST + 1))
    with pytest.raises(Unreadable, match="too many elements"):
        parse_xml(b"<a>" + b"<b/>" * MOST_ELEMENTS + b"</a>")
    assert parse_xml(b"<a>" * DEEPEST + b"</a>" * DEEPEST).tag == "a"


@given(st.binary(max_size=300))
def test_any_octets_are_read_or_refused(document: bytes) -> None:
    with suppress(Unreadable):
        parse_xml(document)


PIECES = [b"<a>", b"</a>", b"<a/>", b"<!DOCTYPE a [", b'<!ENTITY b "c">', b"]>", b"&b;", b"<![CDATA[", b"]]>"]


@given(st.lists(st.sampled_from([*PIECES, b"<?x?>", b"<!--", b"-->", b"text", b"\xc3\xa9", b"\xe9"])))
def test_no_arrangement_of_markup_does_more_than_be_refused(pieces: list[bytes]) -> None:
    with suppress(Unreadable):
        parse_xml(b"".join(pieces))
